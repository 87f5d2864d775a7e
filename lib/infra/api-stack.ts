/** The HTTP API's routes, each with a function of its own behind its `live` alias. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnIntegration, CfnRoute, CfnStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { pathsOf, type Route, type RouteName, routeNames, routes } from '../routes.ts';
import { accessLogFormat } from './access-log.ts';
import { acknowledgeOpenRoute } from './acknowledgements.ts';
import { CustomDomain } from './custom-domain.ts';
import { ReleaseRecord } from './deploy-step/release-record.ts';
import type { House } from './house.ts';
import type { OpsStack } from './ops-stack.ts';
import { originSecrets } from './origin-secret.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import { ServerFunction } from './server-function.ts';
import { ShiftTraffic } from './shift-traffic.ts';

/** Seconds that a request may take; API Gateway gives up after 30. */
const requestSeconds = 10;

/** Hashing a password takes memory and, with it, processor time. */
const memoryOf: { readonly [name in RouteName]?: number } = { login: 1024 };

/** What API Gateway lets through to a route. */
interface Throttle {
  readonly ThrottlingRateLimit: number;
  readonly ThrottlingBurstLimit: number;
  readonly DetailedMetricsEnabled: true;
}

export class ApiStack extends Stack {
  readonly functions: ReadonlyMap<RouteName, ServerFunction>;
  readonly access_log: LogGroup;

  constructor(scope: Construct, id: string, { house, ops, ...props }: StackProps & { house: House; ops: OpsStack }) {
    super(scope, id, props);
    const functions = new Map<RouteName, ServerFunction>();
    const served: CfnRoute[] = [];
    const secrets = originSecrets(house.stage);
    const environment: Record<string, string> = secrets.length > 0 ? { OAUTH2_ORIGIN_SECRETS: secrets.join(' ') } : {};
    for (const name of routeNames) {
      const { needs, purpose } = routes[name];
      const reserved = house.stage.reserved_concurrency[name];
      const memory_mib = memoryOf[name] ?? 512;
      const fn = new ServerFunction(this, name, {
        house,
        room: 'http',
        needs,
        purpose,
        seconds: requestSeconds,
        memory_mib,
        reserved,
        environment,
      });
      functions.set(name, fn);
      ops.metrics.subscribe(fn);
      served.push(...this.#serve(routes[name], fn, house));
    }
    this.functions = functions;
    this.access_log = new LogGroup(this, 'access-log', {
      logGroupName: `/aws/vendedlogs/oauth2-${house.stage.name}-access`,
      retention: house.stage.log_days as RetentionDays,
      removalPolicy: house.stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    const stage = this.#openStage(house);
    // Its settings name routes, which have to be there first.
    for (const route of served) stage.addResourceDependency(route);
    if (house.stage.domain) new CustomDomain(this, 'domain', { stage: house.stage, api: house.network.api, apiStage: stage });
    if (house.stage.deployed) this.#release(house, ops);
  }

  /** How new code takes over, who watches it, and the record of it. */
  #release({ stage, bundles, network }: House, ops: OpsStack): void {
    const { functions } = this;
    if (stage.canary) new ShiftTraffic(this, 'shift-traffic', { stage, canary: stage.canary, functions });
    const ready = functions.get('ready');
    if (ready) new ReadinessWatch(this, 'readiness-watch', { ready, schedules: ops.schedules });
    const folder = bundles.get('record-release')?.folder;
    if (folder === undefined) throw new Error('no bundle "record-release"; a deployed stage needs it to record its releases');
    const all = new Map<string, ServerFunction>([...ops.functions, ...functions]);
    new ReleaseRecord(this, 'release', { folder, stage, issuer: network.issuer, functions: all });
  }

  #serve(route: Route, fn: ServerFunction, { network: { api, issuer_path } }: House): CfnRoute[] {
    const integration = new CfnIntegration(fn, 'integration', {
      apiId: api.apiId,
      integrationType: 'AWS_PROXY',
      integrationUri: fn.live.functionArn,
      payloadFormatVersion: '2.0',
      timeoutInMillis: (requestSeconds + 1) * 1000,
    });
    const paths = pathsOf(route, issuer_path);
    paths.forEach((path, index) => {
      // Only from this API and only for its own paths; a parameter of a path matches any one segment.
      new CfnPermission(fn, `invoked-by-api-${index}`, {
        action: 'lambda:InvokeFunction',
        principal: 'apigateway.amazonaws.com',
        functionName: fn.live.functionArn,
        sourceArn: api.arnForExecuteApi('*', path.replaceAll(/\{[^}]+\}/g, '*'), '*'),
      });
    });
    return paths.map((path) => {
      const served = new CfnRoute(fn, `ANY ${path}`.replaceAll('/', '|'), {
        apiId: api.apiId,
        // The function itself answers HEAD, a preflight, and 405 with `Allow`.
        routeKey: `ANY ${path}`,
        target: `integrations/${integration.ref}`,
      });
      acknowledgeOpenRoute(served);
      return served;
    });
  }

  #openStage({ stage, network }: House): CfnStage {
    const routeSettings: Record<string, Throttle> = {};
    for (const name of routeNames) {
      const requests = stage.throttle[name];
      if (requests === undefined) continue;
      for (const path of pathsOf(routes[name], network.issuer_path)) routeSettings[`ANY ${path}`] = throttle(requests);
    }
    return new CfnStage(this, 'stage', {
      apiId: network.api.apiId,
      stageName: '$default',
      autoDeploy: true,
      accessLogSettings: { destinationArn: this.access_log.logGroupArn, format: accessLogFormat },
      defaultRouteSettings: {
        throttlingRateLimit: stage.throttle.each_route,
        throttlingBurstLimit: stage.throttle.each_route * 2,
        detailedMetricsEnabled: true,
      },
      routeSettings,
    });
  }
}

function throttle(requestsPerSecond: number): Throttle {
  return { ThrottlingRateLimit: requestsPerSecond, ThrottlingBurstLimit: requestsPerSecond * 2, DetailedMetricsEnabled: true };
}
