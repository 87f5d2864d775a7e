/** The commands of every runbook page run as written, in order, on an instance as `npm start` gives it, and print what the page says. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { commandNames } from '../../lib/cli/program.ts';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { pageNames } from '../../lib/pages.ts';
import { stages } from '../../lib/stages.ts';
import { runInProcess } from '../cli/stage.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { blocksOf, findMissing, type PageBlock, pagesOfDrills, readCommand } from '../support/runbook-page.ts';

const account = { username: 'page-user', email: 'page-user@example.com', password: 'correct horse battery staple' };

let deployment: Deployment;
let sql: postgres.Sql;
let session: postgres.Sql;
let clientId: string;
before(async () => {
  deployment = await openDeployment();
  const { host, port } = readRuntimeFile(deployment.runtime?.folder ?? '')?.database ?? { host: '', port: 0 };
  sql = postgres({ host, port, database: 'oauth2', username: 'postgres', max: 1, onnotice: () => {} });
  session = postgres({ host, port, database: 'oauth2', username: 'oauth2_api', max: 1, onnotice: () => {} });
  const client = { client_name: 'page', grant_types: ['client_credentials'] };
  clientId = (await deployment.operate<{ client_id: string }>('create-client', client)).client_id;
  await deployment.operate('create-user', account);
  // As if the instance had been started some weeks ago.
  await sql`update signing_keys set created_at = created_at - interval '30 days'`;
});
after(async () => {
  await Promise.all([sql.end(), session.end()]);
  await deployment.stop();
});

/** Commands whose exit code says how the stage is: what a busy machine makes of it may be worth a remark. */
const reportsOnHealth = /^(incident|database-report|metrics|diagnose|doctor|status|verify|rotate-database-password)$/;

/** What the pages ask of the CDK; `test/aws/run.ts` and `test/e2e/deployment.test.ts` carry out the same with the stage `emulator`. */
function checkCdk(line: string, page: string): void {
  const [, stageName] =
    /^npx cdk (?:bootstrap|(?:deploy|diff|destroy) --all -c stage=(\w+))$/.exec(line) ?? assert.fail(`${page}: ${line}`);
  assert.ok(stageName === undefined || stageName in stages, `${page}: there is no stage ${stageName}`);
}

/** @returns what it printed */
async function runLine(page: string, line: string): Promise<string> {
  const { words, piped } = readCommand(line, page);
  const environment = { OAUTH2_DATA_DIR: deployment.runtime?.folder ?? '' };
  const { code, stdout, stderr } = await runInProcess(words, environment, piped ? 'a long password' : undefined);
  const allowed = reportsOnHealth.test(words[0] ?? '') ? [0, 4] : [0];
  assert.ok(allowed.includes(code), `${page}: ${line} ended with ${code}: ${stderr}`);
  return stdout + stderr;
}

/** Pages that delete their account, so that each has one of its own. */
const deleting = ['delete-user', 'personal-data'];

function accountOf(page: string): string {
  if (page === 'create-user') return 'made-by-page';
  return deleting.includes(page) ? `account-of-${page}` : account.username;
}

/** Names in capitals that stand for something in the database, and what they stand for. */
async function findInDatabase(): Promise<Record<string, string>> {
  const [statement] =
    await sql`select queryid::text as id from pg_stat_statements where query like 'select%from clients%' limit 1`;
  const [index] = await sql`select indexrelname as name from pg_stat_user_indexes where relname = 'sessions' order by 1 limit 1`;
  return { QUERY_ID: statement?.id ?? '', INDEX: index?.name ?? '' };
}

/** A session of the request path, for a page that ends it. */
async function openSession(): Promise<string> {
  const [row] = await session`select pg_backend_pid() as pid`;
  return String(row?.pid);
}

async function runBlock(page: string, { lines, prints }: PageBlock, found: Readonly<Record<string, string>>): Promise<void> {
  const names = { CLIENT_ID: clientId, USERNAME: accountOf(page), ...found };
  const fill = (text: string) => Object.entries(names).reduce((filled, [name, value]) => filled.replaceAll(name, value), text);
  let printed = '';
  for (const line of lines.map(fill)) {
    if (line.startsWith('npx cdk')) checkCdk(line, page);
    else printed += await runLine(page, line);
  }
  const missing = findMissing(prints.map(fill), printed);
  assert.equal(missing, undefined, `${page}.md says that this is printed: ${missing}\n${printed}`);
}

for (const page of [...commandNames, ...pageNames]) {
  if (page in pagesOfDrills) continue;
  test(`${page}: its commands run as written, in order, and print what it says`, async () => {
    const blocks = blocksOf(page);
    if (deleting.includes(page)) await deployment.operate('create-user', { ...account, username: accountOf(page) });
    assert.ok(
      blocks.some(({ prints }) => prints.length > 0),
      `${page}.md does not say what its commands print`,
    );
    const found = { ...(await findInDatabase()), PID: await openSession() };
    for (const block of blocks) await runBlock(page, block, found);
  });
}

test('what a page says is compared: columns may be wide, … is anything, the order counts', () => {
  const output = 'health     well\nsigning secret  readable\n';
  assert.equal(findMissing(['health well', 'signing … readable'], output), undefined);
  assert.equal(findMissing(['signing secret readable', 'health well'], output), 'health well');
  assert.equal(findMissing(['health NOT WELL'], output), 'health NOT WELL');
});

test('nothing of an account is left when a page was followed that deletes it', async () => {
  assert.deepEqual([...(await sql`select 1 from users where username = any (${deleting.map(accountOf)})`)], []);
});
