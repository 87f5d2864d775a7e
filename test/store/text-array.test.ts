/** Postgres text[] values, written and read without asking the server for its types. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTextArray, writeTextArray } from '../../lib/store/text-array.ts';
import { parameterText } from '../support/protocol-values.ts';
import { openStore } from '../support/store.ts';

const lists = fc.array(
  fc.oneof(
    parameterText(),
    fc.constantFrom('', 'NULL', 'null', ' ', '"', '\\', '{}', '{', '}', ',', 'a,b', '\\"', '\n', '"";--'),
  ),
  { maxLength: 6 },
);

test('any list reads back from its own writing', () => {
  fc.assert(fc.property(lists, (list) => assert.deepEqual(readTextArray(writeTextArray(list)), list)));
});

test('any list goes through Postgres unchanged, and Postgres sees the same elements', async () => {
  const { db, admin } = await openStore();
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      const [row] = await db.ask<{ list: string[]; length: number }>(
        'echo',
        db.sql`select ${db.sql.typed.texts(list)}::text[] as list, cardinality(${db.sql.typed.texts(list)}::text[]) as length`,
      );
      assert.deepEqual(row?.list, list);
      assert.equal(row?.length, list.length);
      const [other] = await admin`select ${writeTextArray(list)}::text[] as list`;
      assert.deepEqual(other?.list, list, 'as another reader of text[] sees it');
    }),
    { numRuns: 60 },
  );
});
