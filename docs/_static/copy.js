// A button that copies the code of a file, or the commands of a shell session without its output.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  const kinds = ["python", "ini", "toml", "console"];
  const selector = kinds.map((kind) => `.highlight-${kind} .highlight`).join(", ");
  const prompt = "$ ";
  for (const block of document.querySelectorAll(selector)) {
    const isSession = block.closest(".highlight-console") !== null;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-code";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      let text = block.querySelector("pre").textContent;
      if (isSession) {
        const commands = text.split("\n").filter((line) => line.startsWith(prompt));
        text = commands.map((line) => line.slice(prompt.length) + "\n").join("");
      }
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    block.append(button);
  }
});
