/** The secrets by which CloudFront proves itself: Secrets Manager makes them, and CloudFormation puts them where they are sent and where they are compared. */
import { RemovalPolicy, SecretValue, type Stack } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { originSecretNames } from '../origin-secret.ts';
import { acknowledgeOriginSecret } from './acknowledgements.ts';
import type { CheckedStage } from './read-stage.ts';

/** Adds them where the stage has an edge, with a copy where the stack of CloudFront is: a stack reads the secrets of its own region alone. */
export function addOriginSecrets(stack: Stack, stage: CheckedStage): void {
  for (const name of namesOf(stage)) {
    const secret = new Secret(stack, name.replace(`oauth2-${stage.name}-`, ''), {
      secretName: name,
      description: `oauth2 ${stage.name}: what CloudFront sends to the API with every request`,
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      ...(stage.region !== 'us-east-1' && { replicaRegions: [{ region: 'us-east-1' }] }),
      // Another one is as good.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeOriginSecret(secret);
  }
}

/** What stands for their values in a template, the one that CloudFront sends first; none where the stage has no edge. */
export function originSecrets(stage: CheckedStage): string[] {
  return namesOf(stage).map((name) => SecretValue.secretsManager(name).unsafeUnwrap());
}

function namesOf({ name, edge }: CheckedStage): string[] {
  return edge ? originSecretNames(name, edge.origin_secret) : [];
}
