/** The sample programs themselves are correct: they run on simulated models from the time of Google's documents. */
import { samplesRunOn } from '../../samples/suite.ts';
import { simulatedGoogle } from '../../samples/targets.ts';

samplesRunOn('the simulated Google', simulatedGoogle);
