/** What is known of a stage when it is asked why it is otherwise than it was. */
import type { SymptomName } from './symptoms.ts';

/** Something that happened to a stage. */
export interface Happening {
  readonly at: string;
  readonly kind: 'release' | 'operator' | 'database';
  readonly what: string;
  /** The procedure, where an operator ran one. */
  readonly procedure?: string;
}

/** Something that the server stands on, as it says itself. */
export interface Dependency {
  readonly name: 'answers' | 'database' | 'migrations' | 'keys' | 'maintenance' | 'events' | 'metrics';
  readonly verdict: 'well' | 'not well' | 'not enabled';
  readonly detail: string;
}

export interface Circumstances {
  readonly stage: string;
  readonly symptoms: readonly { readonly symptom: SymptomName; readonly since: string | null }[];
  /** Oldest first. */
  readonly happenings: readonly Happening[];
  readonly dependencies: readonly Dependency[];
  /** Routes with their answers of 5xx, and of 4xx more than before; most first. */
  readonly failing: readonly { readonly route: string; readonly requests: number }[];
  readonly refusing: readonly { readonly route: string; readonly requests: number }[];
  readonly crashes: readonly { readonly name: string; readonly kind: string; readonly words: string }[];
  /** Invocations that found no sandbox. */
  readonly throttled: number;
  /** Functions of which a sandbox had taken most of its memory, and for how many minutes. */
  readonly memory_high: readonly { readonly name: string; readonly minutes: number }[];
  readonly database: {
    readonly cpu_percent: number | null;
    readonly memory_percent: number | null;
    /** p95 of its answers, and of the time before. */
    readonly p95_ms: number | null;
    readonly p95_before_ms: number | null;
    readonly findings: readonly { readonly about: string; readonly seen: string; readonly change: string }[];
  };
}
