/** Checks before a deploy that nothing stands in its way: settings, identity, bootstrap, quotas, zones, domain, certificates, and Docker where an image is built. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type CheckedStage, readStage } from '../infra/read-stage.ts';
import { type Procedure, procedureNames, procedures } from '../procedures.ts';
import { readPreflightFacts } from './account-checks.ts';
import { type Finding, find } from './check-server.ts';
import { answering, type ToolContext, type ToolProcedure } from './tool.ts';

/** Functions that are container images, where the stage has those. */
function imageFunctions({ lacks }: CheckedStage): string[] {
  if (lacks?.includes('container images')) return [];
  return procedureNames.filter((name) => (procedures[name] as Procedure).needs.includes('postgres-programs'));
}

async function checkDocker(stage: CheckedStage | undefined): Promise<Finding> {
  const images = stage ? imageFunctions(stage) : [];
  if (images.length === 0) return { name: 'docker', verdict: 'skipped', detail: 'no function is a container image' };
  return find('docker', async () => {
    const server = await askDocker('version', '--format', '{{.Server.Version}} {{.Server.Arch}}').catch(() => {
      throw new Error(`Docker builds ${images.join(', ')} and does not answer: start it, or install it`);
    });
    const [version, architecture] = server.trim().split(' ');
    // What it builds for beside its own architecture, by QEMU; it answers without pulling anything.
    if (architecture !== 'arm64' && !/\blinux\/arm64\b/.test(await askDocker('buildx', 'inspect').catch(() => '')))
      throw new Error(
        `Docker is of ${architecture}, the images of ${images.join(', ')} are of arm64, and it emulates none: ` +
          'docker run --privileged --rm tonistiigi/binfmt --install arm64',
      );
    return `version ${version}, for ${images.join(', ')}`;
  });
}

async function askDocker(...words: readonly string[]): Promise<string> {
  return (await promisify(execFile)('docker', words, { timeout: 10_000 })).stdout;
}

async function readSettings({ stage, environment }: ToolContext): Promise<{ settings: Finding; row: CheckedStage | undefined }> {
  let row: CheckedStage | undefined;
  const settings = await find('settings', async () => {
    row = readStage(stage, { environment });
    return `stage "${stage}" of lib/stages.ts is complete and allowed`;
  });
  return { settings, row };
}

/** Whom alarms write to, where people are on the stage; somebody may have subscribed by other ways, so it hinders nothing. */
function checkAddressees({ name, retains, alarm_emails }: CheckedStage): Finding[] {
  if (!retains) return [];
  const { critical } = alarm_emails;
  if (critical.length > 0) return [{ name: 'alarms', verdict: 'well', detail: `critical ones write to ${critical.join(', ')}` }];
  const detail = `no mail tells anybody: alarm_emails.critical of the stage is empty; name somebody, or subscribe a pager to the topic oauth2-${name}-critical`;
  return [{ name: 'alarms', verdict: 'skipped', detail }];
}

export const preflight: ToolProcedure = answering(async (context) => {
  const { settings, row } = await readSettings(context);
  const findings: Finding[] = [settings];
  if (row?.deployed) findings.push(...(await readPreflightFacts(row)));
  else if (row) findings.push({ name: 'account', verdict: 'skipped', detail: `stage "${row.name}" is not deployed to AWS` });
  if (row) findings.push(...checkAddressees(row));
  findings.push(await checkDocker(row));
  const well = findings.every(({ verdict }) => verdict !== 'not well');
  return { outcome: 'succeeded', plan: { steps: [] }, result: { stage: context.stage, well, checks: findings } };
});
