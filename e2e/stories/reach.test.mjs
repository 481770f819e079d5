// Chromium at home, with networks that let little through, and change.
import { openChromium } from '../lib/browsers.mjs';
import { tellOf } from '../lib/reach.mjs';

tellOf('Chromium', openChromium);
