import { nodeHost } from '@prunegrid/core/node';

import { MemoryDisk } from '../../disk/memory-disk.js';
import { describeFiles } from './files.js';

describeFiles("Node's", nodeHost.files);
describeFiles('a disk in memory', new MemoryDisk({ clock: nodeHost.clock }));
