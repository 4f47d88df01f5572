import { describe, expect, it } from 'vitest';
import { withoutLogin } from '@prunegrid/core/text/login';
import { addressWithoutLogin, trackingAddress } from './address.js';

describe('trackingAddress', () => {
  it('keeps the path and drops what does not belong to the server', () => {
    expect(trackingAddress('https://host/mlflow/', {}).url).toBe('https://host/mlflow');
    expect(trackingAddress('http://localhost:5000/#/experiments/1', {}).url).toBe('http://localhost:5000');
  });

  it('takes the login from the address, then the pair, then the token', () => {
    const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;
    const all = { MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'pw', MLFLOW_TRACKING_TOKEN: 'tok' };
    const inside = trackingAddress('http://eve:p%40s@host:1', all);
    expect(inside).toMatchObject({ url: 'http://host:1', authorization: basic('eve:p@s') });
    expect(trackingAddress('http://host', all).authorization).toBe(basic('ada:pw'));
    expect(trackingAddress('http://host', { MLFLOW_TRACKING_TOKEN: 'tok' }).authorization).toBe('Bearer tok');
    expect(trackingAddress('http://host', {}).authorization).toBeNull();
  });

  it.each([
    ['sqlite:///x.db', 'sqlite:///x.db'],
    ['postgresql://ada:secret@host/runs', 'postgresql://host/runs'],
    ['mysql+pymysql://host/runs', 'mysql+pymysql://host/runs'],
    ['file:./mlruns', 'sqlite:///mlflow.db'],
    ['./mlruns', 'sqlite:///mlflow.db'],
    ['databricks', 'sqlite:///mlflow.db'],
    ['databricks://profile', 'sqlite:///mlflow.db'],
  ])('refuses the store %j: names the place, how to get a server, and how to do without', (text, store) => {
    const failure = (environment: Record<string, string>) => {
      try {
        trackingAddress(text, environment);
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    const remedy = `; start a server (mlflow server --backend-store-uri ${store}) and give its address, such as http://localhost:5000; to run without MLflow, `;
    expect(failure({})).toMatch(/^--mlflow: MLflow address "[^\n]*leave it out$/);
    expect(failure({})).toContain(remedy);
    expect(failure({ MLFLOW_TRACKING_URI: text })).toMatch(
      /^MLFLOW_TRACKING_URI: [^\n]*set it to nothing \(MLFLOW_TRACKING_URI= prunegrid \.\.\.\)$/,
    );
    expect(failure({ MLFLOW_TRACKING_URI: text })).toContain(remedy);
    expect(failure({})).not.toContain('secret');
  });

  it('knows a forgotten scheme, and never repeats a password', () => {
    expect(() => trackingAddress('localhost:5000', {})).toThrow(/write http:\/\/localhost:5000/);
    expect(() => trackingAddress('ftp://ada:secret@host', {})).toThrow(/"ftp:\/\/host"/);
  });
});

describe('addressWithoutLogin', () => {
  it('is the address as it may be stored, given or from the environment', () => {
    expect(addressWithoutLogin('https://host/mlflow/?a=1', {})).toBe('https://host/mlflow');
    expect(addressWithoutLogin(undefined, { MLFLOW_TRACKING_URI: 'http://host:1/' })).toBe('http://host:1');
    expect(addressWithoutLogin(undefined, {})).toBeUndefined();
  });

  it.each(['http://ada:secret@host', 'http://ada@host', 'http://:secret@host'])('refuses %j in one line', (url) => {
    const refused = /^MLflow address "http:\/\/host" was given with a login, [^\n]*MLFLOW_TRACKING_PASSWORD$/;
    expect(() => addressWithoutLogin(url, {})).toThrow(refused);
    expect(() => addressWithoutLogin(undefined, { MLFLOW_TRACKING_URI: url })).toThrow(refused);
  });
});

it('takes a login out of any text, and nothing else', () => {
  expect(withoutLogin('--mlflow=http://ada:s@cret@host:1/x?y')).toBe('--mlflow=http://host:1/x?y');
  for (const text of ['http://host/a@b', '//shared/ada@home', 'https://host?mail=a@b', 'dataset.limit=1000'])
    expect(withoutLogin(text)).toBe(text);
});
