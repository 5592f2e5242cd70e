// Makes elements from text. Text of others reaches the page here only, and as text: never as HTML.

const SVG = "http://www.w3.org/2000/svg";

// As core/characters.py: what a reader cannot see, or what turns the direction of a line.
const INVISIBLE =
  /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b-\u180d\ufe00-\ufe0f]|(?! )\p{Zs}/gu;
const PLAIN = /^[\x20-\x7e]*$/;

/** Return a text whose invisible characters are escapes. */
export function visible(text) {
  const string = String(text);
  if (PLAIN.test(string)) return string;
  return string.replace(INVISIBLE, (character) => {
    if (character === "\n" || character === "\t") return character;
    const code = character.codePointAt(0);
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Make an element; `on...` attributes are listeners, false and null ones are left out. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Make an SVG element. */
export function makeSvg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : visible(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : visible(child));
  }
  return element;
}

/** Make the symbol of a health. */
export function icon(name) {
  return makeSvg(
    "svg",
    { class: "icon", "aria-hidden": "true" },
    makeSvg("use", { href: `#${name}` }),
  );
}

/** Set the text of an element, if it is another one: the rest of the page is left alone. */
export function setText(element, text) {
  const shown = visible(text);
  if (element.shownText === shown) return false;
  element.shownText = shown;
  element.textContent = shown;
  return true;
}

/** Set an attribute if it is another one; null removes it. */
export function setAttribute(element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== visible(value)) {
    element.setAttribute(name, visible(value));
  }
}

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}
