/** Follows a runbook page on the deployed stage as somebody would who types what stands there. */
import assert from 'node:assert/strict';
import { blocksOf, findMissing, readCommand } from '../support/runbook-page.ts';
import { tell } from './stage-under-test.ts';

/** Runs its commands in their order and compares what they print with what it says. @param change what a line is before it is run */
export async function followDeployedPage(page: string, change: (line: string) => string = (line) => line): Promise<void> {
  for (const { lines, prints_deployed } of blocksOf(page)) {
    let printed = '';
    for (const line of lines) {
      const { code, stdout, stderr } = await tell(readCommand(change(line), page).words);
      assert.equal(code, 0, `${line}: ${stdout}${stderr}`);
      printed += stdout;
    }
    const missing = findMissing(prints_deployed, printed);
    assert.equal(missing, undefined, `${page}.md says that this is printed: ${missing}\n${printed}`);
  }
}
