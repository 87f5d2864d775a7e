/** Writes the generated tables of the documentation: `npm run generate`. */
import { writeGenerated } from './generated.ts';

const changed = await writeGenerated();
process.stdout.write(changed.length === 0 ? 'Everything is up to date.\n' : `Written: ${changed.join(', ')}\n`);
