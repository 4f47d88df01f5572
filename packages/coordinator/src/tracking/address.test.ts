import { describe, expect, it } from 'vitest';
import { trackingAddress } from './address.js';

describe('trackingAddress', () => {
  it('keeps the path and drops what does not belong to the server', () => {
    expect(trackingAddress('https://host/mlflow/', {}).url).toBe('https://host/mlflow');
    expect(trackingAddress('http://localhost:5000/#/experiments/1', {}).url).toBe('http://localhost:5000');
  });

  it('takes the login from the address, then the pair, then the token', () => {
    const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;
    const all = { MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'pw', MLFLOW_TRACKING_TOKEN: 'tok' };
    const inside = trackingAddress('http://eve:p%40s@host:1', all);
    expect(inside).toEqual({ url: 'http://host:1', authorization: basic('eve:p@s') });
    expect(trackingAddress('http://host', all).authorization).toBe(basic('ada:pw'));
    expect(trackingAddress('http://host', { MLFLOW_TRACKING_TOKEN: 'tok' }).authorization).toBe('Bearer tok');
    expect(trackingAddress('http://host', {}).authorization).toBeNull();
  });

  it.each(['file:./mlruns', 'databricks', 'databricks://profile', 'sqlite:///mlflow.db', './mlruns', ''])(
    'refuses %j',
    (text) => {
      expect(() => trackingAddress(text, {})).toThrow(/is neither http nor https; give that of an MLflow server/);
    },
  );

  it('knows a forgotten scheme, and never repeats a password', () => {
    expect(() => trackingAddress('localhost:5000', {})).toThrow(/write http:\/\/localhost:5000/);
    expect(() => trackingAddress('ftp://ada:secret@host', {})).toThrow(/"ftp:\/\/host"/);
  });
});
