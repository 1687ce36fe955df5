/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A number for CSS and SVG: four digits are plenty for a screen. */
export const css = (x: number) => String(Number(x.toPrecision(4)));

/** A positive figure of any magnitude, short: 0.034, 1.2, 3.4e-6. */
export function figureText(x: number): string {
  if (x === 0) return '0';
  const size = Math.abs(x);
  if (size >= 0.01 && size < 1000) return Number(x.toPrecision(2)).toString();
  const [mantissa, exponent] = x.toExponential(1).split('e');
  return `${mantissa}·10<sup>${Number(exponent)}</sup>`;
}
