/** Small line drawings beside the words of buttons. */

const PATHS: Record<string, string> = {
  Camera: 'M2 5h2.5l1-1.7h5l1 1.7H14v8H2zM8 11.2a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8z',
  Files: 'M1.8 3.5h4.4l1.5 1.8h6.5v7.4H1.8z',
  Draw: 'M2.5 13.5l.8-3.2 7.4-7.4 2.4 2.4-7.4 7.4zM9.2 4.4l2.4 2.4',
};
const SVG = 'http://www.w3.org/2000/svg';

/** The drawing of this name; the words beside it say what it means. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name] ?? '');
  svg.append(path);
  return svg;
}
