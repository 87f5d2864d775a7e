/** The web firewall in front of a stage: AWS's managed rules, and a rate for each address where guessing pays. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnLoggingConfiguration, CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { pathsOf, routes } from '../routes.ts';
import type { CheckedStage } from './read-stage.ts';

/** Where secrets are presented or made, so where guessing and flooding pay. */
const rated = ['token', 'login', 'register'] as const;

/**
 * The common rules of AWS that legal requests would break; they only count. A server that calls need not say what it is; requests and client metadata are
 * long, and hold URLs, those of loopback addresses too (RFC 8252 §7.3); passwords and client names are any text. No parameter ever becomes a file or an
 * address that is opened, and pages escape what they show.
 */
const counted = [
  'NoUserAgent_HEADER',
  'SizeRestrictions_QUERYSTRING',
  'SizeRestrictions_BODY',
  'EC2MetaDataSSRF_QUERYARGUMENTS',
  'EC2MetaDataSSRF_BODY',
  'GenericLFI_QUERYARGUMENTS',
  'GenericLFI_BODY',
  'GenericRFI_QUERYARGUMENTS',
  'GenericRFI_BODY',
  'RestrictedExtensions_QUERYARGUMENTS',
  'CrossSiteScripting_BODY',
];

export interface FirewallProps {
  readonly stage: CheckedStage;
  readonly issuer_path: string;
  readonly requests_per_5_minutes: number;
}

export class Firewall extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, { stage, issuer_path, requests_per_5_minutes }: FirewallProps) {
    super(scope, id);
    const name = `oauth2-${stage.name}`;
    const visible = (metricName: string) => ({ cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: true });
    const managed = (group: string, priority: number, countOnly: readonly string[] = []): CfnWebACL.RuleProperty => ({
      name: group,
      priority,
      overrideAction: { none: {} },
      statement: {
        managedRuleGroupStatement: {
          vendorName: 'AWS',
          name: group,
          ruleActionOverrides: countOnly.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
        },
      },
      visibilityConfig: visible(group),
    });
    const acl = new CfnWebACL(this, 'rules', {
      name,
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: visible(name),
      rules: [
        {
          name: 'rate',
          priority: 0,
          action: { block: { customResponse: { responseCode: 429 } } },
          statement: {
            rateBasedStatement: {
              aggregateKeyType: 'IP',
              evaluationWindowSec: 300,
              limit: requests_per_5_minutes,
              scopeDownStatement: {
                orStatement: { statements: rated.flatMap((route) => pathsOf(routes[route], issuer_path)).map(onPath) },
              },
            },
          },
          visibilityConfig: visible('rate'),
        },
        managed('AWSManagedRulesAmazonIpReputationList', 1),
        managed('AWSManagedRulesKnownBadInputsRuleSet', 2),
        managed('AWSManagedRulesCommonRuleSet', 3, counted),
      ],
    });
    this.arn = acl.attrArn;
    // WAF only writes to groups of this prefix.
    const logs = new LogGroup(this, 'logs', {
      logGroupName: `aws-waf-logs-${name}`,
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    new CfnLoggingConfiguration(this, 'logging', {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [logs.logGroupArn],
      // A code, a token or a cookie has no place in a log.
      redactedFields: [{ queryString: {} }, { singleHeader: { Name: 'authorization' } }, { singleHeader: { Name: 'cookie' } }],
    });
  }
}

function onPath(path: string): CfnWebACL.StatementProperty {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} },
      positionalConstraint: 'EXACTLY',
      searchString: path,
      // The API decodes a path before it finds its route: `/oauth/%74oken` is the token endpoint too.
      textTransformations: [{ priority: 0, type: 'URL_DECODE' }],
    },
  };
}
