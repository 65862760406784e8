/** Code written for Google's APIs runs on Clapper with only another base URL and another key. */
import { samplesRunOn } from '../samples/suite.ts';
import { clapper } from '../samples/targets.ts';

samplesRunOn('Clapper', clapper);
