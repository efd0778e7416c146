#include "i2s.h"

#include "registers.h"
#include "soc/soc.h"
#include "soc/stm32/gpio.h"

#if SOC_I2S

static volatile uint32_t halves;

static void connect(uint32_t port, uint32_t pin) {
    gpio_connect(port, pin, SOC_I2S_FUNCTION);
}

// A slave that receives 16 bits a channel, most significant first, one clock after the word select's edge, which is low
// for the left one; sampled on the rising edge. The clock generator is off (RM0432, SAI).
static void initialize_receiver(void) {
    RCC_APB2ENR |= RCC_APB2ENR_SAI1;
    (void)RCC_APB2ENR;
    SAI1_ACR1 = SAI_CR1_SLAVE_RECEIVER | SAI_CR1_16_BITS | SAI_CR1_RISING_EDGE;
    SAI1_ACR2 = SAI_CR2_FLUSH;
    SAI1_AFRCR = SAI_FRCR_LENGTH(32u) | SAI_FRCR_ACTIVE(16u) | SAI_FRCR_CHANNELS | SAI_FRCR_OFFSET;
    SAI1_ASLOTR = SAI_SLOTR_COUNT(2u) | SAI_SLOTR_ENABLE(3u);
    SAI1_ACLRFR = SAI_CLRFR_ALL;
}

static void initialize_dma(int16_t *buffer, uint32_t samples) {
    RCC_AHB1ENR |= RCC_AHB1ENR_DMA1 | RCC_AHB1ENR_DMAMUX1;
    (void)RCC_AHB1ENR;
    DMA1_CCR1 = 0;
    DMAMUX1_C0CR = DMAMUX_REQUEST_SAI1_A;
    DMA1_CNDTR1 = samples;
    DMA1_CPAR1 = (uint32_t)&SAI1_ADR;
    DMA1_CMAR1 = (uint32_t)buffer;
    DMA1_IFCR = DMA_FLAGS1;
    NVIC_ISER(I2S_IRQ) = 1u << I2S_IRQ;
    DMA1_CCR1 = DMA_CCR_HALFWORDS | DMA_CCR_MEMORY_INCREMENT | DMA_CCR_CIRCULAR | DMA_CCR_HALF_INTERRUPT |
                DMA_CCR_FULL_INTERRUPT | DMA_CCR_ENABLE;
}

void soc_i2s_start(int16_t *buffer, uint32_t samples) {
    halves = 0;
    connect(SOC_I2S_SCK_PORT, SOC_I2S_SCK_PIN);
    connect(SOC_I2S_WS_PORT, SOC_I2S_WS_PIN);
    connect(SOC_I2S_SD_PORT, SOC_I2S_SD_PIN);
    initialize_receiver();
    initialize_dma(buffer, samples);
    SAI1_ACR1 |= SAI_CR1_DMA;
    SAI1_ACR1 |= SAI_CR1_ENABLE;
}

void soc_i2s_stop(void) {
    SAI1_ACR1 &= ~(SAI_CR1_ENABLE | SAI_CR1_DMA);
    DMA1_CCR1 = 0;
    DMA1_IFCR = DMA_FLAGS1;
}

uint32_t soc_i2s_halves(void) {
    return halves;
}

void i2s_handler(void) {
    uint32_t flags = DMA1_ISR & DMA_FLAGS1;
    DMA1_IFCR = flags;
    halves += (flags & DMA_HALF1 ? 1u : 0u) + (flags & DMA_FULL1 ? 1u : 0u);
}

#endif
