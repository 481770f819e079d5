/** A button that goes from the system's theme to light, to dark, and back. */

import { iconButton, relabel } from "./dom.js";
import { memory } from "./preferences.js";

const THEMES = /** @type {const} */ (["system", "light", "dark"]);

export function themeButton() {
  const button = iconButton("theme", "", { class: "quiet-button", "data-testid": "theme", onclick: () => apply(next()) });
  const current = () => THEMES.find((theme) => theme === memory.getItem("parlor.theme")) ?? "system";
  const next = () => THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length];
  const apply = (/** @type {typeof THEMES[number]} */ theme) => {
    memory.setItem("parlor.theme", theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    relabel(button, "theme", `Theme: ${theme}`);
  };
  apply(current());
  return button;
}
