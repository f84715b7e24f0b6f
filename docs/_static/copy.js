// A button that copies the code of a file. Shell sessions get none: they show output as well.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  const kinds = ["python", "ini", "toml"];
  const selector = kinds.map((kind) => `.highlight-${kind} .highlight`).join(", ");
  for (const block of document.querySelectorAll(selector)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-code";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("pre").innerText);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    block.append(button);
  }
});
