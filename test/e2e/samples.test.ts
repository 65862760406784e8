/** Code written for Google's APIs runs on Clapper: other base URL, other key, nothing else. */
import { samplesRunOn } from '../samples/suite.ts';
import { clapper } from '../samples/targets.ts';

samplesRunOn('Clapper', clapper);
