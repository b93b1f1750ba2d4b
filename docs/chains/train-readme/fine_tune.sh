accelerate launch --num_cpu_threads_per_process 1 fine_tune.py \
  --pretrained_model_name_or_path=model --in_json=meta_lat.json --train_data_dir=pictures/tuned --output_dir=out \
  --output_name=tuned --resolution=512,512 --train_batch_size=4 --max_train_steps=10000 --learning_rate=2e-6 \
  --train_text_encoder --optimizer_type=Lion --lr_scheduler=polynomial --lr_scheduler_power=2 --mixed_precision=bf16 \
  --mem_eff_attn --multires_noise_iterations=6 --multires_noise_discount=0.3 --cache_latents --cache_latents_to_disk \
  --shuffle_caption --keep_tokens=1 --max_token_length=225 --save_model_as=diffusers --flip_aug
