/** The report's whole style: one accent colour, light and dark. */
export const style = `
:root { color-scheme: light dark; --ink: #1c1f23; --soft: #646b74; --line: #dfe3e8; --page: #fff; --rest: #c3c9d1; --accent: #0b62c4; --limit: #1c1f23; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaee; --soft: #98a1ac; --line: #2f353d; --page: #14171b; --rest: #4a525d; --accent: #62a8ff; --limit: #e7eaee; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 .35rem; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
p { margin: 0 0 .5rem; }
sup { font-size: .75em; line-height: 0; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .9rem 1.5rem; margin: 1.2rem 0 0; }
.key dt { color: var(--soft); font-size: .87rem; }
.key dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
.key dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); }
.budget { margin-bottom: 1.1rem; }
.budget p { margin: 0 0 .25rem; }
.figure { font-weight: 600; color: var(--accent); }
.track { position: relative; height: 18px; background: var(--line); border-radius: 2px; }
.fill { height: 100%; background: var(--accent); border-radius: 2px 0 0 2px; }
.limit { position: absolute; top: -4px; bottom: -4px; border-left: 2px solid var(--limit); }
.budget .axis { position: relative; height: 1.3em; margin-top: .3rem; font-size: .87rem; color: var(--soft); }
.axis .at { position: absolute; white-space: nowrap; padding-left: .2rem; color: var(--ink); }
.axis .at.left { transform: translateX(-100%); padding: 0 .2rem 0 0; }
.plot { display: grid; grid-template-columns: 2.6rem 1fr 3rem; font-size: .87rem; }
.plot .ylabel { grid-column: 1 / -1; margin-bottom: .6rem; }
.plot .yaxis { position: relative; }
.yaxis span { position: absolute; right: .5rem; transform: translateY(-50%); color: var(--soft); }
.canvas { position: relative; height: 190px; }
.canvas svg { width: 100%; height: 100%; display: block; overflow: visible; }
.canvas line { stroke: var(--line); vector-effect: non-scaling-stroke; }
.curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.dot { position: absolute; width: 8px; height: 8px; margin: -4px; border-radius: 50%; background: var(--accent); }
.end { position: absolute; transform: translate(.55rem, -50%); font-weight: 600; color: var(--accent); }
.xaxis { position: relative; grid-column: 2; height: 1.5em; margin-top: .3rem; }
.xaxis span { position: absolute; transform: translateX(-50%); color: var(--soft); }
.xlabel { grid-column: 2; text-align: center; margin: 0; }
table { border-collapse: collapse; }
th { text-align: left; font-weight: 400; color: var(--soft); font-size: .87rem; vertical-align: bottom; }
.layers { width: 100%; font-size: .87rem; table-layout: fixed; }
.layers th { padding: 0 .8rem .3rem 0; }
.layers th:first-child { width: 30%; }
.layers th:last-child { width: 6.5rem; }
.layers th:last-child, .layers .what { text-align: right; padding-right: 0; }
.layers tr { border-top: 1px solid var(--line); }
.layers thead tr, .layers .strips { border-top: 0; }
.layers td { padding: .22rem .8rem .22rem 0; vertical-align: top; }
.layer { overflow-wrap: anywhere; }
.layer strong { font-weight: 400; }
.layer .soft { display: block; font-size: .8rem; white-space: nowrap; }
.chosen .layer strong, .chosen .what { font-weight: 600; color: var(--accent); }
.ends { display: flex; justify-content: space-between; font-size: .8rem; margin-right: 4.4rem; }
.layers td .name { display: none; }
.log { position: relative; display: inline-block; width: calc(100% - 4.6rem); height: 1.2em; vertical-align: top; }
.log i { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--line); }
.log b { position: absolute; top: 50%; width: 9px; height: 9px; margin: -4.5px; border-radius: 50%; background: var(--rest); }
.chosen .log b { background: var(--accent); }
.value { display: inline-block; width: 4.2rem; padding-left: .55rem; white-space: nowrap; color: var(--soft); }
.chosen .value { color: var(--ink); }
.layers .strips td { padding: 0 0 .55rem; }
.strip { display: block; width: 100%; height: 10px; background: var(--line); border-radius: 1px; }
.strip .on { fill: var(--accent); }
.strip .off { fill: var(--rest); }
.matrix { font-size: .87rem; max-width: 100%; }
.matrix td, .matrix thead th { text-align: center; padding: .3rem .45rem; min-width: 2.7rem; }
.matrix td { background: color-mix(in srgb, var(--accent) var(--share, 0%), var(--page)); border: 1px solid var(--page); }
.matrix th[scope] { padding-right: .8rem; color: var(--ink); overflow-wrap: anywhere; vertical-align: middle; }
.plain td, .plain th { padding: .2rem 1.4rem .2rem 0; vertical-align: top; }
.settings { margin-bottom: .8rem; }
.settings td:first-child { color: var(--soft); white-space: nowrap; }
@media (max-width: 40rem) {
  .layers, .layers tbody { display: block; }
  .layers thead { display: none; }
  .layers tr { display: grid; grid-template-columns: 1fr auto; padding: .4rem 0; }
  .layers td { display: block; padding: 0; }
  .layers .layer { grid-row: 1; }
  .layers .what { grid-row: 1; grid-column: 2; padding-left: .8rem; white-space: nowrap; }
  .layers td:not(.layer, .what) { grid-column: 1 / -1; }
  .layers tr:not(.chosen) td:not(.layer, .what) { display: none; }
  .layers td .name { display: inline-block; width: 3.6rem; color: var(--soft); }
  .log { width: calc(100% - 8.2rem); }
  .layers .strips { padding: 0 0 .5rem; }
  .matrix { font-size: .8rem; }
  .matrix td, .matrix thead th { padding: .3rem .1rem; min-width: 2.2rem; }
}
`;
