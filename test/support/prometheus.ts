/** Reads Prometheus's text format strictly, and evaluates the part of PromQL that the runbooks of before use. */
import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleForm = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelForm = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelForm.lastIndex = 0;
  while (labelForm.lastIndex < text.length) {
    const [, name = '', value = ''] = labelForm.exec(text) ?? assert.fail(`no labels: ${text}`);
    assert.ok(!(name in labels), `label ${name} stands twice`);
    labels[name] = value.replace(/\\(["\\n])/g, (_, one: string) => (one === 'n' ? '\n' : one));
  }
  return labels;
}

/** The family that a sample belongs to, as its type says. */
function belongs(name: string, family: string, type: string): boolean {
  return type === 'histogram' ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name) : name === family;
}

/** @throws {assert.AssertionError} where the text is not in the exposition format 0.0.4 */
export function readExposition(text: string): Sample[] {
  assert.ok(text.endsWith('\n'), 'the last line has an end');
  const samples: Sample[] = [];
  const families = new Set<string>();
  const series = new Set<string>();
  let [helped, family, type] = ['', '', ''];
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) .+$/.exec(line);
    const typed = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (help) {
      helped = help[1] ?? '';
      continue;
    }
    if (typed) {
      [, family = '', type = ''] = typed;
      assert.equal(family, helped);
      assert.ok(!families.has(family), `family ${family} stands twice`);
      families.add(family);
      continue;
    }
    const [, name = '', labels = '', value = ''] = sampleForm.exec(line) ?? assert.fail(`no sample: ${line}`);
    assert.ok(belongs(name, family, type), `${name} stands in the family ${family}`);
    assert.match(value, /^\d+(\.\d+)?(e[+-]?\d+)?$/, line);
    const sample = { name, labels: readLabels(labels), value: Number(value) };
    const key = `${name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
    assert.ok(!series.has(key), `${line} stands twice`);
    series.add(key);
    samples.push(sample);
  }
  return samples;
}
