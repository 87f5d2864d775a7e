/** CloudFront with its firewall in front of the API; always in us-east-1, where CloudFront takes certificates and firewalls from. */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CacheCookieBehavior,
  CacheHeaderBehavior,
  CachePolicy,
  CacheQueryStringBehavior,
  Distribution,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  OriginSslPolicy,
  PriceClass,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { CfnDelivery, CfnDeliveryDestination, CfnDeliverySource, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import type { Construct } from 'constructs';
import { originHeader } from '../origin-secret.ts';
import { pathsOf, routes } from '../routes.ts';
import { acknowledgeEdge } from './acknowledgements.ts';
import { Firewall } from './firewall.ts';
import { originSecrets } from './origin-secret.ts';
import type { CheckedStage } from './read-stage.ts';

export interface EdgeStackProps extends StackProps {
  readonly stage: CheckedStage;
  readonly domain: NonNullable<CheckedStage['domain']>;
  readonly edge: NonNullable<CheckedStage['edge']>;
  readonly issuer_path: string;
}

/** Documents that are the same for everybody, so that CloudFront may answer them. */
const cached = ['discovery', 'jwks'] as const;

export class EdgeStack extends Stack {
  constructor(scope: Construct, id: string, { stage, domain, edge, issuer_path, ...props }: EdgeStackProps) {
    super(scope, id, props);
    const firewall = new Firewall(this, 'firewall', { stage, issuer_path, requests_per_5_minutes: edge.requests_per_5_minutes });
    const [secret = ''] = originSecrets(stage);
    const origin = new HttpOrigin(edge.origin_name, {
      protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
      originSslProtocols: [OriginSslPolicy.TLS_V1_2],
      readTimeout: Duration.seconds(15),
      // In place of whatever a viewer sends under that name.
      customHeaders: { [originHeader]: secret },
    });
    // As long as the answer itself says: a second for the keys, as some may have been withdrawn in an emergency.
    const documents = new CachePolicy(this, 'documents', {
      comment: 'Discovery document and public keys',
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.minutes(1),
      maxTtl: Duration.minutes(5),
      cookieBehavior: CacheCookieBehavior.none(),
      headerBehavior: CacheHeaderBehavior.allowList('Origin'),
      queryStringBehavior: CacheQueryStringBehavior.none(),
      enableAcceptEncodingBrotli: true,
      enableAcceptEncodingGzip: true,
    });
    const behavior = {
      origin,
      allowedMethods: AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    };
    const distribution = new Distribution(this, 'distribution', {
      comment: `oauth2 ${stage.name}`,
      domainNames: [domain.name],
      certificate: Certificate.fromCertificateArn(this, 'certificate', edge.certificate_arn),
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      httpVersion: HttpVersion.HTTP2_AND_3,
      priceClass: PriceClass.PRICE_CLASS_ALL,
      webAclId: firewall.arn,
      defaultBehavior: { ...behavior, cachePolicy: CachePolicy.CACHING_DISABLED },
      additionalBehaviors: Object.fromEntries(
        cached
          .flatMap((route) => pathsOf(routes[route], issuer_path))
          .map((path) => [path, { ...behavior, cachePolicy: documents }]),
      ),
    });
    this.#log(stage, distribution);
    acknowledgeEdge(distribution);
    new CfnOutput(this, 'target', {
      value: distribution.domainName,
      description: `The DNS record of ${domain.name} points here`,
    });
    if (domain.hosted_zone === undefined) return;
    const { id: hostedZoneId, name: zoneName } = domain.hosted_zone;
    const zone = HostedZone.fromHostedZoneAttributes(this, 'zone', { hostedZoneId, zoneName });
    const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution));
    new ARecord(this, 'ipv4', { zone, recordName: domain.name, target });
    new AaaaRecord(this, 'ipv6', { zone, recordName: domain.name, target });
  }

  /** Named fields only: a query may carry an authorization code. */
  #log(stage: CheckedStage, distribution: Distribution): void {
    const logs = new LogGroup(this, 'access-log', {
      logGroupName: `/aws/vendedlogs/oauth2-${stage.name}-edge`,
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    const name = `oauth2-${stage.name}-edge`;
    const source = new CfnDeliverySource(this, 'log-source', {
      name,
      logType: 'ACCESS_LOGS',
      resourceArn: distribution.distributionArn,
    });
    const destination = new CfnDeliveryDestination(this, 'log-destination', {
      name,
      outputFormat: 'json',
      destinationResourceArn: logs.logGroupArn,
    });
    const delivery = new CfnDelivery(this, 'log-delivery', {
      deliverySourceName: name,
      deliveryDestinationArn: destination.attrArn,
      recordFields: [
        'date',
        'time',
        'x-edge-location',
        'c-ip',
        'cs-method',
        'cs-uri-stem',
        'sc-status',
        'cs(User-Agent)',
        'time-taken',
      ],
    });
    delivery.addResourceDependency(source);
  }
}
