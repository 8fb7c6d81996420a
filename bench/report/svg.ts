/** Distinct on white and on black backgrounds, and for readers with color blindness. */
export const COLORS = ['#0072b2', '#d55e00', '#009e73', '#8a8a8a', '#cc79a7'] as const;

export type Anchor = 'start' | 'middle' | 'end';

export function text(x: number, y: number, content: string, anchor: Anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes = ''): string {
  return `<path d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" ${attributes}/>`;
}

export function bar(x: number, y: number, width: number, height: number, color: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${color}"/>`;
}

export function curve(points: readonly (readonly [number, number])[], color: string): string {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');
  const dots = points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="2.5" fill="${color}"/>`);
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5"/>${dots.join('')}`;
}

/** @param title read by screen readers */
export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="11" fill="#222">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
