/** The programs themselves are right: they run on the simulated Google as it was when their documents were written. */
import { samplesRunOn } from '../../samples/suite.ts';
import { simulatedGoogle } from '../../samples/targets.ts';

samplesRunOn('the simulated Google', simulatedGoogle);
