/** What a section of the runbooks of the server on Kubernetes is made of, and what takes the place of each line here. */

export interface Line {
  /** What the section does there, in our words. */
  readonly there: string;
  /** Commands or task pages; the first has the page to begin with. */
  readonly here: readonly string[];
  /** Tests that have carried it out, beside those named like its commands. */
  readonly tests?: readonly string[];
}

export interface Section {
  readonly group: 'Deployment' | 'Database' | 'Monitoring' | 'Troubleshooting' | 'Security' | 'Additional';
  readonly title: string;
  readonly lines: readonly Line[];
}

/** What carries out the commands of every page as written. */
export const pagesRun = 'test/house/pages-run.test.ts';
