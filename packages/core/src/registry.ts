import { Failure } from './failure.js';
import { suggest } from './text/suggestion.js';

/** What a registry holds: anything that goes by a name, which users write in a spec or on the command line. */
export interface Named {
  readonly name: string;
}

/**
 * The members of one kind that this process knows, such as its engines or its constraints. What the project brings along
 * is registered where the registry is made; an extension adds its own.
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
   * Registers a member, behind those that there are.
   * @throws Failure `input` if a member of this name is there already, or if the name is not a text of at least one character
   */
  add(member: Member): void {
    // Extensions are plain JavaScript: types do not hold there.
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
   * The member of this name.
   * @throws Failure `input` if there is none; its message lists what there is and suggests the nearest name
   */
  get(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Failure('input', `no ${this.kind} "${name}"; ${suggest(name, this.names)}`);
    return member;
  }

  /** The member of this name, or undefined if there is none. */
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
