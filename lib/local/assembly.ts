/** Reads the stacks of a synthesised CDK app: their templates and where the assets of each one lie. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalFailure } from './failure.ts';

export interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

export interface Stack {
  /** The stack's name in CloudFormation. */
  readonly name: string;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, { Value?: unknown; Export?: { Name?: unknown } }>>;
  readonly parameters: Readonly<Record<string, { Default?: unknown }>>;
  readonly conditions: Readonly<Record<string, unknown>>;
  /** Folder (absolute) of each file asset by its hash. */
  readonly assets: ReadonlyMap<string, string>;
}

interface Artifact {
  readonly type: string;
  readonly displayName?: string;
  readonly properties?: { templateFile?: string; stackName?: string; file?: string; directoryName?: string };
}

function readJson(file: string): unknown {
  if (!existsSync(file)) throw new LocalFailure(`${file} does not exist: the CDK app was not synthesised`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function assetsOf(folder: string, file: string): Map<string, string> {
  const assets = new Map<string, string>();
  if (!existsSync(join(folder, file))) return assets;
  const { files = {} } = readJson(join(folder, file)) as { files?: Record<string, { source?: { path?: string } }> };
  for (const [hash, { source }] of Object.entries(files)) if (source?.path) assets.set(hash, join(folder, source.path));
  return assets;
}

/**
 * Every stack of a cloud assembly, those of nested stages too.
 * @throws LocalFailure when the folder is no cloud assembly
 */
export function readAssembly(folder: string): Stack[] {
  const { artifacts = {} } = readJson(join(folder, 'manifest.json')) as { artifacts?: Record<string, Artifact> };
  return Object.entries(artifacts).flatMap(([id, { type, properties = {} }]) => {
    if (type === 'cdk:cloud-assembly') return readAssembly(join(folder, properties.directoryName ?? ''));
    if (type !== 'aws:cloudformation:stack') return [];
    const template = readJson(join(folder, properties.templateFile ?? '')) as Record<string, Record<string, never> | undefined>;
    return [
      {
        name: properties.stackName ?? id,
        resources: template.Resources ?? {},
        outputs: template.Outputs ?? {},
        parameters: template.Parameters ?? {},
        conditions: template.Conditions ?? {},
        assets: assetsOf(folder, `${id}.assets.json`),
      },
    ];
  });
}
