import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Returns whether two secrets are equal. The time that this takes tells nothing of where they differ, nor of their
 * lengths, because hashes of one length are compared.
 */
export const isSameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
