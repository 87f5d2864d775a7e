/** Follows a runbook page as somebody would who types what stands there, on the instance of a drill. */
import assert from 'node:assert/strict';
import { stages } from '../../lib/stages.ts';
import type { ToolRun } from '../cli/stage.ts';
import { blocksOf, findMissing, readCommand } from '../support/runbook-page.ts';
import { operate } from './restore-instance.ts';

/** What a page asks of the CDK is what a start of the instance does, and `npm run test:aws` with a stage of its own; buckets are copied between accounts by AWS's own tool. */
const elsewhere = [
  new RegExp(`^npx cdk (bootstrap|deploy --all -c stage=(${Object.keys(stages).join('|')}))$`),
  /^aws s3 (sync|cp) s3:\/\/OLD_BUCKET\/\S+ (s3:\/\/NEW_BUCKET\/\S+|-)$/,
];

/**
 * Runs its commands in their order and compares what they print with what it says.
 * @param fill what takes the place of each name in capitals
 * @param run the tool on the drill's instance
 * @returns everything that was printed
 */
export async function followPage(
  page: string,
  fill: Readonly<Record<string, string>>,
  run: (...words: string[]) => Promise<ToolRun> = operate,
): Promise<string> {
  let printed = '';
  for (const { lines, prints } of blocksOf(page)) {
    let said = '';
    const own = lines.filter((line) => !elsewhere.some((form) => form.test(line)));
    for (const line of own) {
      const filled = Object.entries(fill).reduce((text, [name, value]) => text.replaceAll(name, value), line);
      const { words } = readCommand(filled, page);
      const { code, stdout, stderr } = await run(...words);
      // How a stage is, may be worth a remark while it is busy.
      assert.ok(code === 0 || (code === 4 && /^(status|verify)$/.test(words[0] ?? '')), `${line}: ${stdout}${stderr}`);
      said += stdout;
    }
    if (own.length > 0) assert.equal(findMissing(prints, said), undefined, `after ${lines.join()}: ${said}`);
    printed += said;
  }
  return printed;
}
