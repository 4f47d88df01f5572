import type { Figure, LegendEntry } from './sweep/charts/index.js';

/** Returns a whole HTML page that needs no network, no script and no other file. */
export const htmlPage = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}: prunegrid</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;

/** Returns a text of any origin as it may be put into an element or an attribute. */
export const text = (raw: string): string => raw.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Returns a figure as a section of a page, with its legend and its caption. */
export function figureSection({ title, caption, legend, panels }: Figure): string {
  const drawings = panels.map(
    ({ title: own, svg }) =>
      `<div class="panel">${own === undefined ? '' : `<h3>${text(own)}</h3>`}<div class="scroll">${svg}</div></div>`,
  );
  return `<section>
<h2>${text(title)}</h2>
<ul class="legend">${legend.map(legendItem).join('')}</ul>
<div class="${panels.length > 1 ? 'panels' : 'single'}">${drawings.join('\n')}</div>
<p class="caption">${text(caption)}</p>
</section>`;
}

const marks: Record<LegendEntry['mark'], (color: string) => string> = {
  line: (color) => `<path d="M0 6H24" stroke="${color}" stroke-width="2.5"/>`,
  dashed: (color) => `<path d="M0 6H24" stroke="${color}" stroke-width="2.5" stroke-dasharray="5 3"/>`,
  dot: (color) => `<circle cx="12" cy="6" r="5" fill="${color}"/>`,
  diamond: (color) => `<path d="M12 0L18 6L12 12L6 6Z" fill="${color}"/>`,
  area: (color) => `<rect x="4" width="16" height="12" fill="${color}"/>`,
};

const legendItem = ({ name, color, mark }: LegendEntry): string =>
  `<li><svg width="24" height="12" aria-hidden="true">${marks[mark](color)}</svg>${text(name)}</li>`;

const style = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1f2933; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 16px 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 48px 0 8px; }
h3 { font-size: 14px; margin: 12px 0 0; font-weight: 600; }
.lead { font-size: 18px; color: #52606d; margin: 0 0 16px; }
.caption { color: #52606d; font-size: 14px; max-width: 75ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 11px 5px 0; white-space: nowrap; border-bottom: 1px solid #e4e7eb; }
th { border-bottom: 2px solid #9aa5b1; }
.number { text-align: right; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0; margin: 8px 0; font-size: 14px; }
.legend svg { margin-right: 7px; vertical-align: -1px; }
.panel svg { display: block; width: 100%; height: auto; min-width: 360px; }
.single .panel svg { min-width: 680px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(380px, 100%), 1fr)); gap: 8px 20px; }
.panel { min-width: 0; }
dt { font-weight: 600; margin-top: 10px; }
dd { margin: 0; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace; overflow-wrap: anywhere; }
@media print { section { break-inside: avoid; } main { max-width: none; } }
`;
