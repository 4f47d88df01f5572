/** Returns the text without the login of an address (`http://user:password@host`). */
export const withoutLogin = (text: string): string => text.replace(/:\/\/[^/?#]*@/, '://');
