/**
 * Characters that act on a terminal instead of being shown: the control characters, with which a text could move the
 * cursor, change the window's title or overwrite a line, and those that reorder what is read (Unicode TR 36, 2.2.3).
 */
const acting = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Returns text of any origin as it may be written to a terminal or a log: every character that would act there is shown
 * as its escape, such as `\u001b`. Only line ends and tabs remain. JSON keeps its value, because JSON has the same
 * escapes.
 */
export const printable = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(acting, (character) =>
      character === '\n' || character === '\t'
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

/** Returns the text as `printable` does, on one line: a run of line ends and tabs is one space. */
export const oneLine = (text: string): string => printable(text.replace(/[\t\n\v\f\r]+/g, ' '));

/** Returns a value as one line of JSON, newline included, in which nothing acts on a terminal. */
export const jsonLine = (value: object): string => `${printable(JSON.stringify(value))}\n`;
