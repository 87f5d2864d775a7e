/** The synthesised templates of a stage, read as CloudFormation reads them. */
import { buildStage } from './stand-ins.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Properties = { readonly [key: string]: Json };

export interface Resource {
  /** The part of the stage that it is in: `network`, `data`, `keys`, `ops`, `api`, `edge`, `observability`. */
  readonly part: string;
  readonly id: string;
  readonly type: string;
  readonly properties: Properties;
  readonly depends_on: readonly string[];
  readonly deletion?: string;
  readonly replacement?: string;
  readonly update_policy?: Properties;
}

interface Template {
  readonly Resources?: Readonly<Record<string, RawResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: Json; readonly Export?: { readonly Name: string } }>>;
}

interface RawResource {
  readonly Type: string;
  readonly Properties?: Properties;
  readonly DependsOn?: string | readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly UpdatePolicy?: Properties;
}

export class Templates {
  readonly all: readonly Resource[];
  readonly #exports = new Map<string, readonly [part: string, value: Json]>();
  /** By the part of the stage and the name of the output. */
  readonly #outputs = new Map<string, readonly [part: string, value: Json]>();

  constructor(templates: ReadonlyMap<string, Template>) {
    const all: Resource[] = [];
    for (const [part, template] of templates) {
      for (const [id, raw] of Object.entries(template.Resources ?? {})) all.push(resourceOf(part, id, raw));
      for (const [name, output] of Object.entries(template.Outputs ?? {})) {
        if (output.Export) this.#exports.set(output.Export.Name, [part, output.Value]);
        this.#outputs.set(`${part}/${name}`, [part, output.Value]);
      }
    }
    this.all = all;
  }

  /** Names of what stacks export, without those of their stage. */
  exports(stage: string): ReadonlySet<string> {
    return new Set([...this.#exports.keys()].map((name) => name.replace(`oauth2-${stage}-`, '')));
  }

  /** Names of exports that other stacks import, without those of their stage. */
  imports(stage: string): ReadonlySet<string> {
    const text = JSON.stringify(this.all);
    return new Set(
      [...text.matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map(([, name = '']) => name.replace(`oauth2-${stage}-`, '')),
    );
  }

  of(...types: readonly string[]): readonly Resource[] {
    return this.all.filter(({ type }) => types.includes(type));
  }

  /** Those of the types, of which there have to be some: a rule that looked at nothing has proven nothing. */
  some(...types: readonly string[]): readonly Resource[] {
    const found = this.of(...types);
    if (found.length === 0) throw new Error(`there is no ${types.join(', ')}`);
    return found;
  }

  /** The one resource of the type in the part. */
  one(part: string, type: string): Resource {
    const found = this.all.filter((resource) => resource.part === part && resource.type === type);
    if (found.length !== 1) throw new Error(`${part} has ${found.length} of ${type}`);
    return found[0] as Resource;
  }

  get(part: string, id: string): Resource {
    const found = this.all.find((resource) => resource.part === part && resource.id === id);
    if (!found) throw new Error(`${part} has no resource ${id}`);
    return found;
  }

  /** The resource that a `Ref`, `Fn::GetAtt` or `Fn::ImportValue` leads to, through exports of other stacks. */
  target(part: string, value: Json | undefined): Resource | undefined {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    const intrinsic = value as Properties;
    if (typeof intrinsic.Ref === 'string') return this.all.find(({ part: own, id }) => own === part && id === intrinsic.Ref);
    const attribute = intrinsic['Fn::GetAtt'];
    if (Array.isArray(attribute)) return this.target(part, { Ref: attribute[0] as string });
    const imported = this.#imported(intrinsic);
    return imported && this.target(...imported);
  }

  /** What an import, or another stack's output that is read by its name, leads to: its part and value. */
  #imported(intrinsic: Properties): readonly [part: string, value: Json] | undefined {
    const output = intrinsic['Fn::GetStackOutput'] as Properties | undefined;
    return output
      ? this.#outputs.get(`${String(output.StackName).split('-').at(-1)}/${output.OutputName}`)
      : this.#exports.get(String(intrinsic['Fn::ImportValue']));
  }

  /** A value as a person would write it: `keys/signing-keys` for a resource, pseudo parameters by their names. */
  text(part: string, value: Json | undefined): string {
    if (value === undefined || value === null || typeof value !== 'object') return String(value);
    const found = this.target(part, value);
    if (found) return `${found.part}/${nameOf(found)}`;
    if (Array.isArray(value)) return value.map((item) => this.text(part, item)).join(' ');
    const intrinsic = value as Properties;
    if (typeof intrinsic.Ref === 'string') return intrinsic.Ref.replace('AWS::', '').toLowerCase();
    const join = intrinsic['Fn::Join'];
    if (Array.isArray(join)) return (join[1] as readonly Json[]).map((item) => this.text(part, item)).join(String(join[0]));
    const select = intrinsic['Fn::Select'];
    if (Array.isArray(select)) return this.text(part, select[1]);
    const split = intrinsic['Fn::Split'];
    if (Array.isArray(split)) return this.text(part, split[1]);
    const imported = this.#imported(intrinsic);
    if (imported) return this.text(...imported);
    throw new Error(`cannot read ${JSON.stringify(value)}`);
  }
}

/** Its logical id without the digest that the CDK appends. */
export function nameOf({ id }: Resource): string {
  return id.replace(/[0-9A-F]{8}$/, '');
}

function resourceOf(part: string, id: string, raw: RawResource): Resource {
  return {
    part,
    id,
    type: raw.Type,
    properties: raw.Properties ?? {},
    depends_on: [raw.DependsOn ?? []].flat(),
    ...(raw.DeletionPolicy && { deletion: raw.DeletionPolicy }),
    ...(raw.UpdateReplacePolicy && { replacement: raw.UpdateReplacePolicy }),
    ...(raw.UpdatePolicy && { update_policy: raw.UpdatePolicy }),
  };
}

const synthesised = new Map<string, Promise<Templates>>();

/** The templates of a stage over stand-in handlers; synthesised once. */
export function synthesise(stageName: string): Promise<Templates> {
  const known = synthesised.get(stageName) ?? synthesiseAnew(stageName);
  synthesised.set(stageName, known);
  return known;
}

async function synthesiseAnew(stageName: string): Promise<Templates> {
  const { app } = await buildStage(stageName);
  const stacks = app
    .synth()
    .stacks.map(({ id, template }) => [id.replace(`oauth2-${stageName}-`, ''), template as Template] as const);
  return new Templates(new Map(stacks));
}
