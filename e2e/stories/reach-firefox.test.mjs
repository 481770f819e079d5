// Firefox at home, with networks that let little through, and change.
import { openFirefox } from '../lib/browsers.mjs';
import { tellOf } from '../lib/reach.mjs';

tellOf('Firefox', openFirefox);
