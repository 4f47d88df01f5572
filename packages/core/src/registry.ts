import { Failure } from './failure.js';
import { suggest } from './text/suggestion.js';

/** A member of a registry. Users write its name in a spec or on the command line. */
export interface Named {
  readonly name: string;
}

/**
 * The members of one kind that this process knows, such as its engines or its constraints. The project's own members
 * are registered where the registry is created; extensions add further ones.
 *
 * @example
 * const constraints = new Registry<Constraint>('constraint', [cardinality]);
 * constraints.get('cardinality').project(tensor, { kind: 'cardinality', keep: 100 });
 */
export class Registry<Member extends Named> implements Iterable<Member> {
  private readonly members = new Map<string, Member>();

  /**
   * @param kind what a member is called in messages, in the singular, such as `data set`
   * @throws Failure `input` if two members have the same name
   */
  constructor(
    readonly kind: string,
    members: Iterable<Member> = [],
  ) {
    for (const member of members) this.add(member);
  }

  /**
   * Registers a member after the existing ones.
   * @throws {Failure} `input` if a member of this name exists already, or if the name is not a non-empty string
   */
  add(member: Member): void {
    // Extensions may be plain JavaScript, in which types are not checked.
    const { name } = member as { name: unknown };
    if (typeof name !== 'string' || name === '') {
      throw new Failure('input', `${this.kind} without a name: give it one that users can write, as text`);
    }
    if (this.members.has(name)) {
      throw new Failure('input', `${this.kind} "${name}" is registered already: give this one another name`);
    }
    this.members.set(name, member);
  }

  /**
   * Returns the member of this name.
   * @throws {Failure} `input` if there is none; the message lists all names and suggests the nearest one
   */
  get(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined)
      throw new Failure('input', `no ${this.kind} ${JSON.stringify(name)}; ${suggest(name, this.names)}`);
    return member;
  }

  /** Returns the member of this name, or undefined if there is none. */
  find(name: string): Member | undefined {
    return this.members.get(name);
  }

  /** All names, in the order of registration. */
  get names(): string[] {
    return [...this.members.keys()];
  }

  /** All members, in the order of registration. */
  [Symbol.iterator](): IterableIterator<Member> {
    return this.members.values();
  }
}
