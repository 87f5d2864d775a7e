/** The API under a name of the operator's own: certificate, mapping and, where the zone is known, the record. */
import { CfnOutput } from 'aws-cdk-lib';
import { CfnApiMapping, type CfnStage, DomainName, type HttpApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigatewayv2';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import type { CheckedStage } from './read-stage.ts';

export interface CustomDomainProps {
  readonly stage: CheckedStage;
  readonly api: HttpApi;
  readonly apiStage: CfnStage;
}

export class CustomDomain extends Construct {
  constructor(scope: Construct, id: string, { stage, api, apiStage }: CustomDomainProps) {
    super(scope, id);
    const { domain, edge } = stage;
    if (domain === undefined) throw new Error(`stage "${stage.name}" names no domain`);
    // Behind CloudFront the API has a name of its own, and the domain is CloudFront's.
    const name = edge?.origin_name ?? domain.name;
    const domainName = new DomainName(this, 'name', {
      domainName: name,
      certificate: Certificate.fromCertificateArn(this, 'certificate', domain.certificate_arn),
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
    const mapping = new CfnApiMapping(this, 'mapping', { apiId: api.apiId, domainName: domainName.name, stage: apiStage.ref });
    mapping.addResourceDependency(apiStage);

    const { regionalDomainName, regionalHostedZoneId } = domainName;
    new CfnOutput(this, 'target', { value: regionalDomainName, description: `The DNS record of ${name} points here` });
    if (domain.hosted_zone === undefined) return;
    const { id: hostedZoneId, name: zoneName } = domain.hosted_zone;
    const zone = HostedZone.fromHostedZoneAttributes(this, 'zone', { hostedZoneId, zoneName });
    const target = RecordTarget.fromAlias(new ApiGatewayv2DomainProperties(regionalDomainName, regionalHostedZoneId));
    new ARecord(this, 'ipv4', { zone, recordName: name, target });
    new AaaaRecord(this, 'ipv6', { zone, recordName: name, target });
  }
}
