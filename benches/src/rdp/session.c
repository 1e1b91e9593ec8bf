/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The peer of `rdp`: one session with FreeRDP's libraries, decoded to memory. No window, no X server.
 *
 *   session PORT USER PASSWORD tls|nla WIDTH HEIGHT lossless|lossy RRGGBB|quiet [PICTURE]
 *
 * Logs in to a server on 127.0.0.1 and receives until the whole screen has the colour, or, with `quiet`, until nothing was
 * painted for a while. Prints, in one line: nanoseconds from before the connection until the session is active; until the
 * screen was as wanted; processor time of this process after the session was active; KiB by which its peak memory is above
 * what it had before. PICTURE gets the screen as R, G and B of each pixel.
 */
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/client/rdpgfx.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>
#include <freerdp/primitives.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winpr/interlocked.h>
#include <winpr/synch.h>

/* Milliseconds without a change that are `quiet`, and the longest that anything may take. */
enum { QUIET = 300, PATIENCE = 30000 };

static rdpContext *connecting;
static volatile LONG painted;
static pEndPaint end_paint;

static void fail(const char *why) {
  fprintf(stderr, "session: %s\n", why);
  exit(1);
}

/*
 * In place of WinPR's: while FreeRDP 2 logs in, it sleeps for 0.1 s between two looks at the connection, however soon the
 * server answers. Here it sleeps until something comes, so that not its naps are measured.
 */
VOID Sleep(DWORD milliseconds) {
  HANDLE handles[64];
  /* The first two are those of the connection. */
  if (connecting && freerdp_get_event_handles(connecting, handles, 64) >= 2)
    WaitForMultipleObjects(2, handles, FALSE, milliseconds);
  else
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static long memory(const char *key) {
  char line[256];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, key, strlen(key))) kib = atol(line + strlen(key));
  if (file) fclose(file);
  return kib;
}

static BOOL on_end_paint(rdpContext *context) {
  InterlockedIncrement(&painted);
  return end_paint ? end_paint(context) : TRUE;
}

static void on_channel(void *context, ChannelConnectedEventArgs *event) {
  if (!strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME))
    gdi_graphics_pipeline_init(((rdpContext *)context)->gdi, (RdpgfxClientContext *)event->pInterface);
}

static BOOL pre_connect(freerdp *instance) {
  PubSub_SubscribeChannelConnected(instance->context->pubSub, on_channel);
  return freerdp_client_load_addins(instance->context->channels, instance->settings);
}

static BOOL post_connect(freerdp *instance) {
  if (!gdi_init(instance, PIXEL_FORMAT_RGBX32)) return FALSE;
  end_paint = instance->update->EndPaint;
  instance->update->EndPaint = on_end_paint;
  return TRUE;
}

static int has_colour(const rdpGdi *gdi, unsigned colour) {
  for (INT32 y = 0; y < gdi->height; y++) {
    const BYTE *pixel = gdi->primary_buffer + (size_t)y * gdi->stride;
    for (INT32 x = 0; x < gdi->width; x++, pixel += 4)
      for (int i = 0; i < 3; i++)
        if (abs(pixel[i] - (int)(colour >> (16 - 8 * i) & 255)) > 12) return 0;
  }
  return 1;
}

static void write_picture(const char *path, const rdpGdi *gdi) {
  FILE *file = fopen(path, "wb");
  if (!file) fail("the picture cannot be written");
  for (INT32 y = 0; y < gdi->height; y++)
    for (INT32 x = 0; x < gdi->width; x++)
      fwrite(gdi->primary_buffer + (size_t)y * gdi->stride + 4 * (size_t)x, 1, 3, file);
  if (fclose(file)) fail("the picture cannot be written");
}

int main(int count, char **words) {
  if (count < 9) fail("PORT USER PASSWORD tls|nla WIDTH HEIGHT lossless|lossy RRGGBB|quiet [PICTURE]");
  int nla = !strcmp(words[4], "nla"), lossy = !strcmp(words[7], "lossy"), quiet = !strcmp(words[8], "quiet");
  unsigned colour = strtoul(words[8], NULL, 16);
  freerdp *instance = freerdp_new();
  instance->ContextSize = sizeof(rdpContext);
  instance->PreConnect = pre_connect;
  instance->PostConnect = post_connect;
  if (freerdp_register_addin_provider(freerdp_channels_load_static_addin_entry, 0) || !freerdp_context_new(instance))
    fail("no context");
  rdpSettings *settings = instance->settings;
  settings->ServerHostname = strdup("127.0.0.1");
  settings->ServerPort = atoi(words[1]);
  settings->Username = strdup(words[2]);
  settings->Password = strdup(words[3]);
  settings->DesktopWidth = atoi(words[5]);
  settings->DesktopHeight = atoi(words[6]);
  settings->ColorDepth = 32;
  settings->IgnoreCertificate = TRUE;
  settings->AutoLogonEnabled = TRUE;
  settings->NlaSecurity = nla;
  settings->TlsSecurity = !nla;
  settings->RdpSecurity = FALSE;
  settings->NetworkAutoDetect = FALSE;
  settings->SupportMultitransport = FALSE;
  /* It would bring channels for devices and sound. */
  settings->SupportHeartbeatPdu = FALSE;
  settings->SoftwareGdi = TRUE;
  settings->RemoteFxCodec = lossy;
  settings->NSCodec = FALSE;
  settings->JpegCodec = FALSE;
  settings->SupportGraphicsPipeline = lossy;
  settings->GfxH264 = FALSE;
  settings->GfxProgressive = lossy;
  settings->FrameAcknowledge = 2;
  settings->RedirectClipboard = FALSE;
  settings->DeviceRedirection = FALSE;
  settings->AudioPlayback = FALSE;
  settings->CompressionEnabled = FALSE;
  /* As ours: there is the channel of dynamic channels in any case. */
  settings->SupportDisplayControl = TRUE;

  /* Once in a process it tries for 0.3 s which of its routines are fastest here. */
  primitives_get();
  long before = memory("VmRSS:");
  double begun = now(CLOCK_MONOTONIC);
  connecting = instance->context;
  if (!freerdp_connect(instance)) fail("it does not connect");
  connecting = NULL;
  double connected = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID), shown = 0;
  rdpGdi *gdi = instance->context->gdi;
  LONG seen = 0;
  double last = connected;
  for (;;) {
    HANDLE handles[64];
    DWORD number = freerdp_get_event_handles(instance->context, handles, 64);
    if (!number) fail("nothing to wait for");
    WaitForMultipleObjects(number, handles, FALSE, 20);
    if (!freerdp_check_event_handles(instance->context)) {
      if (quiet && seen) break;
      fail("the session ended");
    }
    double time = now(CLOCK_MONOTONIC);
    if (painted != seen) {
      seen = painted;
      last = time;
      if (!quiet && has_colour(gdi, colour)) break;
    }
    if (quiet && seen && time - last > QUIET * 1e6) break;
    if (time - begun > PATIENCE * 1e6) fail("it takes too long");
  }
  shown = now(CLOCK_MONOTONIC);
  used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
  long peak = memory("VmHWM:") - before;
  if (count > 9) write_picture(words[9], gdi);
  printf("%.0f %.0f %.0f %ld\n", connected - begun, shown - begun, used, peak);
  fflush(stdout);
  freerdp_disconnect(instance);
  _Exit(0);
}
