/** The state machine of a restore: the backup read, maintenance, a safety backup, a database beside the one that serves, the swap, and the way back from any of it. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type RestoreState, restoreMachineName } from '../restore-states.ts';
import { acknowledgeLogDelivery } from './acknowledgements.ts';
import type { CheckedStage } from './read-stage.ts';
import type { ServerFunction } from './server-function.ts';

/** Functions that it calls. */
export interface RestoreFunctions {
  readonly maintenance: ServerFunction;
  readonly backup: ServerFunction;
  readonly 'restore-step': ServerFunction;
  readonly 'rewind-step': ServerFunction;
  readonly 'create-signing-keys': ServerFunction;
  readonly migrate: ServerFunction;
}

type State = Readonly<Record<string, unknown>>;

/** Lambda itself may be busy for a moment; what a function refuses is not asked again. */
const busy = [
  {
    ErrorEquals: ['Lambda.ServiceException', 'Lambda.SdkClientException', 'Lambda.TooManyRequestsException'],
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
  },
];

/** The swap ended the sessions of every sandbox: what finds its own gone is asked again. */
const again = [...busy, { ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 2 }];

/** The way back is tried for some minutes: nothing else would leave maintenance mode. */
const persistently = [...busy, { ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 5, BackoffRate: 2 }];

/** Whatever fails: the database of before serves again. */
const takenBack = [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'TakeBack' satisfies RestoreState }];

/** Before anything was changed there is nothing to take back. */
const untouched = { Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'NotBegun' satisfies RestoreState }] };

/** A damaged database is what a restore is for, and it is kept by its name; who only has to wait for another backup waits. */
const unsaved = {
  Catch: [
    { ErrorEquals: ['under_way'], ResultPath: '$.failure', Next: 'TakeBack' satisfies RestoreState },
    { ErrorEquals: ['States.ALL'], ResultPath: '$.unsaved', Next: 'Unsaved' satisfies RestoreState },
  ],
};

/** What a procedure is told beside its input. */
const order = { apply: true, raises: true, 'reason.$': '$.reason', 'actor.$': '$.actor', 'progress.$': '$.run' };

interface Call {
  readonly fn: ServerFunction;
  readonly input: State;
  readonly next: RestoreState;
  /** Member of the data that gets the result. */
  readonly result: string;
  readonly retry?: readonly object[];
}

const call = ({ fn, input, next, result, retry = busy }: Call, caught: object = { Catch: takenBack }): State => ({
  Type: 'Task',
  Resource: `arn:${Stack.of(fn).partition}:states:::lambda:invoke`,
  Parameters: { FunctionName: fn.live.functionArn, Payload: { ...order, input } },
  ResultSelector: { 'answer.$': '$.Payload.result' },
  ResultPath: `$.${result}`,
  Retry: retry,
  ...caught,
  Next: next,
});

/** What precedes a restore to an instant: an instance as the database was then becomes a backup. The one that serves is not touched. */
function rewindStates({ backup, 'rewind-step': fn }: RestoreFunctions): Partial<Record<RestoreState, State>> {
  const step = (name: string, more: State = {}) => ({ step: name, 'run.$': '$.run', ...more });
  const unwound = { Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'Unwind' satisfies RestoreState }] };
  /** Who reads the result is told that it is still there. */
  const left = (next: RestoreState) => ({ Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.left', Next: next }] });
  const begun = { 'since.$': '$$.Execution.StartTime' };
  const dumped = {
    kind: 'rewound',
    'host.$': '$.rewound.answer.host',
    'port.$': '$.rewound.answer.port',
    'as_of.$': '$.to_time',
  };
  return {
    Rewind: call(
      { fn, input: step('start', { 'to_time.$': '$.to_time', 'from.$': '$.from' }), next: 'LookRewound', result: 'rewound' },
      unwound,
    ),
    LookRewound: call({ fn, input: step('look', begun), next: 'IsRewound', result: 'rewound', retry: again }, unwound),
    IsRewound: {
      Type: 'Choice',
      Choices: [{ Variable: '$.rewound.answer.ready', BooleanEquals: true, Next: 'DumpRewound' satisfies RestoreState }],
      Default: 'AwaitRewound' satisfies RestoreState,
    },
    AwaitRewound: { Type: 'Wait', SecondsPath: '$.rewound.answer.pause_seconds', Next: 'LookRewound' satisfies RestoreState },
    DumpRewound: call({ fn: backup, input: dumped, next: 'RemoveRewound', result: 'chosen' }, unwound),
    RemoveRewound: call({ fn, input: step('remove'), next: 'Check', result: 'rewound', retry: persistently }, left('Check')),
    Unwind: call({ fn, input: step('remove'), next: 'NotRewound', result: 'rewound', retry: persistently }, left('NotRewound')),
    NotRewound: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
  };
}

/** The states, in the order in which a restore that succeeds goes through them. */
export function restoreStates(functions: RestoreFunctions): Record<string, State> {
  const step = (name: string) => ({ step: name, 'run.$': '$.run', 'backup_id.$': '$.chosen.answer.backup_id' });
  const own = functions['restore-step'];
  const states = {
    Begin: {
      Type: 'Choice',
      Choices: [{ Variable: '$.to_time', IsPresent: true, Next: 'Rewind' satisfies RestoreState }],
      Default: 'ByBackup' satisfies RestoreState,
    },
    ByBackup: {
      Type: 'Pass',
      Parameters: { answer: { 'backup_id.$': '$.backup_id' } },
      ResultPath: '$.chosen',
      Next: 'Check' satisfies RestoreState,
    },
    ...rewindStates(functions),
    Check: call({ fn: own, input: step('check'), next: 'Maintenance', result: 'check' }, untouched),
    NotBegun: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
    Maintenance: call({ fn: functions.maintenance, input: { on: true }, next: 'SafetyBackup', result: 'maintenance' }),
    SafetyBackup: call({ fn: functions.backup, input: { kind: 'safety' }, next: 'Load', result: 'safety' }, unsaved),
    Unsaved: call({ fn: own, input: { ...step('go-without'), 'cause.$': '$.unsaved.Cause' }, next: 'Load', result: 'safety' }),
    Load: call({ fn: own, input: step('load'), next: 'Revoke', result: 'load' }),
    Revoke: call({ fn: own, input: { ...step('revoke'), 'last_write.$': '$.last_write' }, next: 'Swap', result: 'revoke' }),
    Swap: call({ fn: own, input: step('swap'), next: 'Schema', result: 'swap' }),
    Schema: call({ fn: functions.migrate, input: {}, next: 'Keys', result: 'schema', retry: again }),
    Keys: call({ fn: functions['create-signing-keys'], input: {}, next: 'Finish', result: 'keys', retry: again }),
    Finish: call({
      fn: own,
      input: { ...step('finish'), 'safety.$': '$.safety.answer' },
      next: 'Restored',
      result: 'finish',
      retry: again,
    }),
    Restored: { Type: 'Succeed' },
    TakeBack: call({ fn: own, input: step('take-back'), next: 'TakenBack', result: 'back', retry: persistently }, {}),
    TakenBack: { Type: 'Fail', ErrorPath: '$.failure.Error', CausePath: '$.failure.Cause' },
  } satisfies Partial<Record<RestoreState, State>>;
  return states;
}

export class RestoreMachine extends Construct {
  readonly name: string;

  constructor(scope: Construct, id: string, { stage, functions }: { stage: CheckedStage; functions: RestoreFunctions }) {
    super(scope, id);
    this.name = restoreMachineName(stage.name);
    const stack = Stack.of(this);
    const role = new Role(this, 'role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
      }),
    });
    for (const { live } of Object.values(functions)) live.grantInvoke(role);
    const states = restoreStates(functions);
    const logs = new LogGroup(this, 'logs', {
      logGroupName: `/aws/vendedlogs/states/${this.name}`,
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: [
          'logs:CreateLogDelivery',
          'logs:GetLogDelivery',
          'logs:UpdateLogDelivery',
          'logs:DeleteLogDelivery',
          'logs:ListLogDeliveries',
          'logs:PutResourcePolicy',
          'logs:DescribeResourcePolicies',
          'logs:DescribeLogGroups',
          'xray:PutTraceSegments',
          'xray:PutTelemetryRecords',
        ],
        resources: ['*'],
      }),
    );
    acknowledgeLogDelivery(role);
    const machine = new CfnStateMachine(this, 'machine', {
      stateMachineName: this.name,
      stateMachineType: 'STANDARD',
      roleArn: role.roleArn,
      definitionString: stack.toJsonString({
        StartAt: 'Begin' satisfies RestoreState,
        States: states,
        TimeoutSeconds: 12 * 3600,
      }),
      tracingConfiguration: { enabled: true },
      loggingConfiguration: {
        level: 'ALL',
        includeExecutionData: false,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: logs.logGroupArn } }],
      },
    });
    machine.node.addDependency(role);
  }
}
