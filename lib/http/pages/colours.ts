/** Decides which colours are legible together, whatever accent an operator chose (WCAG 2.2 §1.4.3). */

/** Contrast that normal text needs against what is behind it. */
export const legible = 4.5;

export interface Palette {
  readonly page: string;
  readonly card: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  /** Edge of a field; needs 3:1 (WCAG 2.2 §1.4.11). */
  readonly edge: string;
  readonly danger: string;
  readonly 'danger-text': string;
  readonly notice: string;
  readonly 'notice-text': string;
}

export const light: Palette = {
  page: '#f3f4f7',
  card: '#ffffff',
  text: '#1a1c20',
  muted: '#5a5f69',
  line: '#dfe2e8',
  edge: '#7d838f',
  danger: '#fdeceb',
  'danger-text': '#8a1c17',
  notice: '#fff5db',
  'notice-text': '#5e4300',
};

export const dark: Palette = {
  page: '#0f1114',
  card: '#191c20',
  text: '#e9ebef',
  muted: '#a6acb8',
  line: '#2e333a',
  edge: '#7f8794',
  danger: '#3a1817',
  'danger-text': '#ffb9b3',
  notice: '#2e2710',
  'notice-text': '#f4dc95',
};

function channels(colour: string): [number, number, number] {
  // A colour becomes part of a style sheet: anything but six hexadecimal digits could be more than a colour.
  if (!/^#[0-9a-f]{6}$/i.test(colour)) throw new TypeError(`A colour is written #rrggbb; given was ${JSON.stringify(colour)}.`);
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Relative luminance, 0 for black and 1 for white (WCAG 2.2). */
function luminance(colour: string): number {
  const [red, green, blue] = channels(colour).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of two colours, from 1 to 21 (WCAG 2.2). */
export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function mix(from: string, to: string, share: number): string {
  const target = channels(to);
  const mixed = channels(from).map((channel, index) => Math.round(channel + ((target[index] as number) - channel) * share));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

/** An accent and what goes with it on a palette: text on the accent, and the accent as text, made darker or lighter if need be. */
export function accentColours(accent: string, palette: Palette): { accent: string; 'on-accent': string; link: string } {
  const surfaces = [palette.page, palette.card];
  let link = accent;
  for (let step = 1; surfaces.some((surface) => contrast(link, surface) < legible); step++)
    link = mix(accent, palette.text, step / 20);
  return { accent, 'on-accent': contrast(accent, '#ffffff') >= legible ? '#ffffff' : '#000000', link };
}
