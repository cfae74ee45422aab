/* The interface of Arduino's PDM library. */
#ifndef PDM_H
#define PDM_H

struct PDMClass {
    int begin(int channels, int sampleRate);
    int available();
    int read(void *buffer, unsigned long size);
    void onReceive(void (*function)(void));
};

extern PDMClass PDM;

#endif /* PDM_H */
