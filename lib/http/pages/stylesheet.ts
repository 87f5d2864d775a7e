/** The one style sheet of all pages: calm, in light and dark, from 320 px up, without a script, a font or a picture to load. */
import { dark, light } from './colours.ts';

/** Custom properties as the body of a CSS rule. */
export function properties(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

const rules = `
:root{color-scheme:light dark;${properties(light)}}
@media (prefers-color-scheme:dark){:root{${properties(dark)}}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;align-items:center;padding:clamp(1rem,8vh,6rem) 1rem 2rem;background:var(--page);color:var(--text);font:1rem/1.55 system-ui,"Segoe UI",sans-serif;overflow-wrap:anywhere}
header,main{width:100%;max-width:26rem}
.wide{max-width:44rem}
header{display:flex;align-items:center;gap:.75rem;padding:0 .25rem;margin-bottom:1.25rem;font-weight:600}
header img{display:block;max-height:2.5rem;max-width:9rem}
.mark{flex:none;display:grid;place-items:center;width:2.25rem;height:2.25rem;border-radius:.625rem;background:var(--accent);color:var(--on-accent);font-size:1.125rem}
main{background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:clamp(1.25rem,6vw,2.25rem);box-shadow:0 1px 2px #0000000a,0 12px 32px #0000000f}
h1{margin:0;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
h2{margin:1.75rem 0 .5rem;font-size:1rem;font-weight:650}
p{margin:.5rem 0 0}
.lead,dt{color:var(--muted)}
dl,.note{font-size:.875rem}
strong{font-weight:600;color:var(--text)}
.note strong{color:inherit}
a{color:var(--link);text-underline-offset:.2em}
code{font:.9375em ui-monospace,Menlo,Consolas,monospace}
form{margin-top:1.5rem}
label{display:block;margin:1.125rem 0 .375rem;font-weight:550}
input{display:block;width:100%;min-height:3rem;padding:.625rem .875rem;border:1px solid var(--edge);border-radius:.625rem;background:var(--card);color:var(--text);font:inherit}
button{width:100%;min-height:3rem;padding:.625rem 1.25rem;border:1px solid var(--link);border-radius:.625rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;cursor:pointer}
button.quiet{background:transparent;border-color:var(--edge);color:var(--text)}
button:hover{box-shadow:0 0 0 3px var(--line)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.submit{margin-top:1.75rem}
.choices{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,8rem),1fr));gap:.75rem;margin-top:1.75rem}
.note{margin-top:1.25rem;padding:.75rem 1rem;border:1px solid transparent;border-radius:.625rem;background:var(--notice);color:var(--notice-text)}
.note+p{margin-top:1.25rem}
.note.danger{background:var(--danger);color:var(--danger-text);font-size:1rem}
ul{margin:.5rem 0 0;padding:0;list-style:none}
li{position:relative;padding:.3125rem 0 .3125rem 1.625rem}
li::before{content:"";position:absolute;left:.25rem;top:.66rem;width:.375rem;height:.7rem;border:solid var(--link);border-width:0 2px 2px 0;transform:rotate(40deg)}
ul.plain li{padding-left:0}
ul.plain li::before{content:none}
dl{margin:1.5rem 0 0;padding-top:1.25rem;border-top:1px solid var(--line)}
dd{margin:0 0 .75rem}
dd:last-child{margin-bottom:0}
dd.copy code{user-select:all}
.facts{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem}
.facts dd{margin:0}
.endpoints{margin-top:.75rem;padding:0;border:0;font-size:1rem;display:grid;gap:1rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr))}
.endpoints dt{color:var(--text)}
.endpoints dd{margin:0;font-size:.875rem;color:var(--muted)}
.links{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (prefers-reduced-motion:no-preference){button{transition:box-shadow .15s}}
@media (forced-colors:active){.note,.mark{border:1px solid CanvasText}li::before{border-color:CanvasText}}
`;

export const stylesheet = rules.replaceAll('\n', '');
