import { Failure } from '@prunegrid/core/failure';
import { Split } from '@prunegrid/proto';
import { metricName } from '@prunegrid/trainer/losses';
import { modelTitle } from '@prunegrid/trainer/models';

import type { RunContext } from './context.js';
import type { Evaluation } from './records.js';

/** Measures the weights that the trainers hold, on the validation part only once. */
export class Measuring {
  private readonly images: { validation: number; test: number };
  private validation: Evaluation | undefined;

  constructor(private readonly context: Pick<RunContext, 'group' | 'spec'>) {
    const { validationImages, testImages } = context.group.trainers[0].ready;
    this.images = { validation: validationImages, test: testImages };
  }

  /**
   * Must be called when the trainers' weights change.
   * @param validation scores of the new ones on the validation part, if they have been measured already
   */
  changed(validation?: Evaluation): void {
    this.validation = validation;
  }

  /** Throws Failure `input` if the spec chooses by a score that there is not. */
  async onValidation(): Promise<Evaluation> {
    const { spec } = this.context;
    this.validation ??= await this.measure(Split.VALIDATION, this.images.validation);
    if (spec.choose === 'top5' && this.validation.top5 === undefined) {
      throw new Failure(
        'input',
        `choose: top5 needs more than 5 classes and an engine that counts it, which ${spec.engine} does not for ${modelTitle(spec.model)}: choose accuracy or loss`,
      );
    }
    return this.validation;
  }

  onTest(): Promise<Evaluation> {
    return this.measure(Split.TEST, this.images.test);
  }

  /** Without classes there are no correct answers. */
  get hasClasses(): boolean {
    return this.context.spec.dataset.targets !== 'values';
  }

  private async measure(split: Split, images: number): Promise<Evaluation> {
    const { group, spec } = this.context;
    const evaluation = await group.evaluate(split, images, (spec.metrics ?? []).map(metricName));
    return this.hasClasses ? evaluation : { ...evaluation, accuracy: NaN };
  }
}
