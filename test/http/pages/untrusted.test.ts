/** What a client says of itself is shown without a disguise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { httpsUrl, nameElement, plainName, returnUrl } from '../../../lib/http/pages/untrusted.ts';

test('a name of any characters becomes one line of bounded length without controls or reordering characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 2, max: 100 }), (name, limit) => {
      const shown = plainName(name, limit);
      assert.ok(Array.from(shown).length <= limit);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u061c\ufeff]/u);
      assert.doesNotMatch(shown, /\p{M}{4}/u);
      assert.ok(shown.isWellFormed());
      assert.equal(plainName(shown, limit), shown);
    }),
  );
});

test('a name in any script stays as it is', () => {
  for (const name of ['Quarterly Reports', 'گزارش‌ها', 'दैनिक रिपोर्ट', '日次レポート', 'Zoë’s app', '👩‍💻 Studio'])
    assert.equal(plainName(name), name);
});

test('a name that reads backwards by an override reads as it was written', () => {
  assert.equal(plainName('\u202egpj.elgoog\u202c'), 'gpj.elgoog');
});

test('a name of which nothing is left is empty', () => {
  assert.equal(plainName('\u200b\u202e \t\n'), '');
});

test('a name stands in an element that isolates its direction', () => {
  assert.equal(nameElement('<i>').toString(), '<bdi>&lt;i&gt;</bdi>');
});

test('a client links only to https, and not behind a user name', () => {
  const refused = ['javascript:alert(1)', 'http://a.example/', 'data:text/html,x', '//a.example/', '/x', '', null, undefined];
  for (const value of [...refused, 'https://bank.example@evil.example/', ' java\nscript:alert(1)'])
    assert.equal(httpsUrl(value), undefined);
  assert.equal(httpsUrl('https://a.example/?q="><script>')?.href, 'https://a.example/?q=%22%3E%3Cscript%3E');
});

test('RFC 8252 §7: the way back after sign-out may be https, this device or the scheme of an app', () => {
  for (const value of [
    'https://a.example/',
    'http://127.0.0.1:9/x',
    'http://[::1]/',
    'http://localhost/',
    'com.example.app:/bye',
  ]) {
    assert.ok(returnUrl(value), value);
  }
  for (const value of [
    'javascript:alert(1)',
    'data:text/html,x',
    'http://a.example/',
    'vbscript:x',
    'file:///etc/passwd',
    'x',
    null,
  ]) {
    assert.equal(returnUrl(value), undefined);
  }
});
