/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The peer of `vnc-decode`: replays a recorded server stream through libvncclient.
 *
 *   replay FILE SECONDS [PICTURE]
 *
 * FILE is what `recording.rs` writes. The stream is put where the library keeps what it has read from its socket, so that
 * nothing is received while the clock runs; what it sends, a request for each update, goes to /dev/null. One pass is not
 * counted and says how many make up SECONDS. Prints the processor time of a pass and the time that it took, in nanoseconds.
 * PICTURE gets the screen as R, G and B of each pixel.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>
#include <rfb/rfbclient.h>

enum { HEAD = 20 };

static char *stream;
static size_t length;
static int width, height;

static void fail(const char *why) {
  fprintf(stderr, "replay: %s\n", why);
  exit(1);
}

struct times {
  double cpu, wall;
};

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* What the library says of broken data is worth reading, its notes are not. */
static void quiet(const char *format, ...) { (void)format; }

static void load(const char *path) {
  unsigned char head[HEAD];
  FILE *file = fopen(path, "rb");
  if (!file || fread(head, 1, HEAD, file) != HEAD) fail("no recording");
  width = head[0] << 8 | head[1];
  height = head[2] << 8 | head[3];
  /* 32 bits, 24 of them used, little-endian, true colour, red at bit 16: the library's format of the same name. */
  static const unsigned char bgrx[13] = {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0};
  if (memcmp(head + 4, bgrx, sizeof bgrx)) fail("another pixel format");
  fseek(file, 0, SEEK_END);
  length = ftell(file) - HEAD;
  fseek(file, HEAD, SEEK_SET);
  stream = malloc(length);
  if (!stream || fread(stream, 1, length, file) != length) fail("the recording cannot be read");
  fclose(file);
}

static rfbClient *new_client(void) {
  rfbClient *client = rfbGetClient(8, 3, 4);
  client->format.redShift = 16;
  client->format.greenShift = 8;
  client->format.blueShift = 0;
  client->width = width;
  client->height = height;
  if (!client->MallocFrameBuffer(client)) fail("no memory");
  /* So that its pages are there before the clock runs. */
  memset(client->frameBuffer, 0, (size_t)width * height * 4);
  client->sock = open("/dev/null", O_WRONLY);
  client->bufoutptr = stream;
  client->buffered = length;
  return client;
}

static struct times pass(rfbClient **kept) {
  rfbClient *client = new_client();
  struct times took = {-now(CLOCK_PROCESS_CPUTIME_ID), -now(CLOCK_MONOTONIC)};
  while (client->buffered > 0)
    if (!HandleRFBServerMessage(client)) fail("the library does not understand the recording");
  took.cpu += now(CLOCK_PROCESS_CPUTIME_ID);
  took.wall += now(CLOCK_MONOTONIC);
  if (kept) {
    *kept = client;
  } else {
    free(client->frameBuffer);
    rfbClientCleanup(client);
  }
  return took;
}

static void write_picture(const char *path, const rfbClient *client) {
  FILE *file = fopen(path, "wb");
  if (!file) fail("the picture cannot be written");
  const unsigned char *pixel = client->frameBuffer;
  for (size_t i = 0; i < (size_t)width * height; i++, pixel += 4) {
    const unsigned char rgb[3] = {pixel[2], pixel[1], pixel[0]};
    fwrite(rgb, 1, 3, file);
  }
  if (fclose(file)) fail("the picture cannot be written");
}

int main(int count, char **words) {
  if (count < 3) fail("replay FILE SECONDS [PICTURE]");
  rfbClientLog = quiet;
  load(words[1]);
  rfbClient *client = NULL;
  double first = pass(count > 3 ? &client : NULL).cpu;
  if (client) write_picture(words[3], client);
  int passes = atof(words[2]) * 1e9 / (first > 1 ? first : 1) + 1;
  struct times total = {0, 0};
  for (int i = 0; i < passes; i++) {
    struct times one = pass(NULL);
    total.cpu += one.cpu;
    total.wall += one.wall;
  }
  printf("%.0f %.0f\n", total.cpu / passes, total.wall / passes);
  return 0;
}
