/** A text in which the login of an address (`http://user:password@host`) is left out. */
export const withoutLogin = (text: string): string => text.replace(/:\/\/[^/?#]*@/, '://');
