/** Builds HTML in which every value that was put in is escaped, unless it is itself HTML built here. */

/** A piece of HTML. Only `html` makes one, so an unescaped string cannot be mistaken for it. */
class Markup {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

export type Html = Markup;

/** What may be put into a template. Nothing is written for `undefined`, `null` and `false`. */
export type Value = string | number | Html | undefined | null | false | readonly Value[];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function write(value: Value): string {
  if (value instanceof Markup) return value.toString();
  if (value === undefined || value === null || value === false) return '';
  if (typeof value === 'object') return value.map(write).join('');
  return String(value).replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** HTML from a template. Values are safe in text and in quoted attributes: always write the quotes. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Markup(parts.reduce((text, part, index) => text + write(values[index - 1]) + part));
}

/** A `style` element. The text of a style element is not escaped by HTML, so whatever could end it is refused. */
export function styleElement(css: string): Html {
  if (css.includes('<')) throw new TypeError('A style sheet in a page must not contain "<".');
  return new Markup(`<style>${css}</style>`);
}
