export { drawClassFolders, drawPicture, type PictureOptions } from './draw.js';
export { tarOf } from './tar.js';
