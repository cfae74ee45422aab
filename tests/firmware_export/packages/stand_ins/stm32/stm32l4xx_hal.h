/* What the example uses of ST's HAL for the STM32L4. */
#ifndef STM32L4XX_HAL_H
#define STM32L4XX_HAL_H

#include <stdint.h>

#define __WFI() ((void)0)

typedef enum { HAL_OK, HAL_ERROR } HAL_StatusTypeDef;
typedef struct {
    void *Instance;
} DFSDM_Filter_HandleTypeDef;

HAL_StatusTypeDef HAL_DFSDM_FilterRegularStart_DMA(DFSDM_Filter_HandleTypeDef *filter, int32_t *data, uint32_t length);
void HAL_DFSDM_FilterRegConvHalfCpltCallback(DFSDM_Filter_HandleTypeDef *filter);
void HAL_DFSDM_FilterRegConvCpltCallback(DFSDM_Filter_HandleTypeDef *filter);

#endif /* STM32L4XX_HAL_H */
