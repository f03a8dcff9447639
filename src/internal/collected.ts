/**
 * How many errors an error keeps of those that it collects. Maps stand in maps, and each of their errors collects some.
 * @param level how many collecting errors are around it
 */
export const mostCollected = (level: number): number => 20 >> (2 * level)
