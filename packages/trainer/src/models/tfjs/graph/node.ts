import type { RoleNode } from '../../roles.js';

/** The attributes of a node as a GraphDef of TensorFlow in JSON has them. What is missing has the value given. */
export class NodeAttributes {
  constructor(readonly json: Readonly<Record<string, unknown>>) {}

  flag(name: string, otherwise: boolean): boolean {
    const { b } = this.at(name);
    return typeof b === 'boolean' ? b : otherwise;
  }

  number(name: string, otherwise: number): number {
    const { i } = this.at(name);
    return i === undefined ? otherwise : Number(i);
  }

  float(name: string, otherwise: number): number {
    const { f } = this.at(name);
    return f === undefined ? otherwise : Number(f);
  }

  integers(name: string): number[] {
    const { i } = (this.at(name)['list'] ?? {}) as { i?: unknown };
    return Array.isArray(i) ? i.map(Number) : [];
  }

  /** Texts are base64. */
  text(name: string): string {
    const { s } = this.at(name);
    return typeof s === 'string' ? Buffer.from(s, 'base64').toString('utf8') : '';
  }

  /** Returns an element type, such as `DT_FLOAT`. */
  type(name: string): string {
    const { type } = this.at(name);
    return typeof type === 'string' ? type : '';
  }

  private at(name: string): Record<string, unknown> {
    return (this.json[name] ?? {}) as Record<string, unknown>;
  }
}

/** A node of a graph model. The values that it computes are called `NAME`, `NAME:1` and so on. */
export interface GraphNode extends RoleNode {
  attributes: NodeAttributes;
}
